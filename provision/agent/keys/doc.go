// Package keys is what a host keeps of the identity of its cluster: keys and
// certificates of authorities, the key of service accounts and that of Secrets.
// They are made, copied, renewed and rotated in two phases, and sign.
package keys
