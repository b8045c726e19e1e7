// Package agent is what runs on a host: it answers requests of one operator
// over its standard input and output and ends with them.
//
// Package agent/api holds the requests and answers; package agent/client is the
// operator's end. What a request is about has a package of its own: hostfacts,
// measure and health look at the host, keys keeps the cluster's identity, spares
// what units on trial had before, renewal works without an operator. Here is the
// session: lock and ledger, plan and apply, streams.
package agent
