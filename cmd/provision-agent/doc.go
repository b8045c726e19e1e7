// Command provision-agent is what provision runs on a host: one session with
// one operator over standard input and output, or the receiving end of blobs.
// It listens nowhere and ends with its input.
package main
