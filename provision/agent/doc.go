// Package agent is what runs on a host: it answers requests of one operator
// over its standard input and output and ends with them.
//
// Package agent/api holds the requests and answers; package agent/client is the
// operator's end.
package agent
