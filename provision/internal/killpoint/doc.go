// Package killpoint ends the real programs at named points, for the crash
// tests in test/e2e. What is shipped has none of it: only with the build tag
// "killpoints" (make killpoints) do Agent and Operator return anything.
//
// A program with the tag reads rules from the file "rules" of a folder, one a
// line: ACTION NTH REGEXP. The nth time that a point whose whole name matches
// is passed,
//
//   - kill ends the program with SIGKILL; commands that it runs are left alone;
//   - strand does so, too, but first stops (SIGSTOP) the command that has just
//     been started, once it has read half of its file: the groups of REGEXP
//     are its process id and that file;
//   - meet waits for the test, which then knows that the point was reached;
//   - block waits for ever, from the nth passage on: others do not get ahead.
//
// Rules are for one process: the first that a kill, strand or meet is due for
// takes the file away. It writes the point's name to the file "reached" first.
package killpoint
