// Package blobs receives content-addressed files on a host. A blob grows as
// <sha256>.part and gets its name only when its content has that digest, so
// that whatever bears the name is whole. An interrupted one is resumed.
package blobs
