// Package proc tells processes apart and ends them: by /proc/PID/stat and by
// pidfd, so that a reused process id is never taken for the process meant. It
// imports nothing of ours.
package proc
