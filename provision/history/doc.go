// Package history is what hosts keep of the runs that changed them: who, when,
// what, how it ended, and with which inventory. It explains what happened and is
// never asked what is true. Records come from hosts and are not trusted: damaged
// ones are passed over and named. Reader asks for them, WayBack compares one of
// them with today.
package history
