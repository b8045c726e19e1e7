// Package shell turns argv into the one command line that SSH can carry, and
// holds the few scripts that run on a host before the agent does. It is the
// only place that quotes. It imports the standard library only.
package shell
