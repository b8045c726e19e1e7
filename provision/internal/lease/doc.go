// Package lease keeps, on a host, a list of the agent's processes that work
// there or wait to: for each a file in /run, with the time of its operator's
// last word. So a new session can tell a holder of the lock that is busy from
// one that is suspended or hung, and can end exactly that one. It imports
// nothing of ours.
package lease
