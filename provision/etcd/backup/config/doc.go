// Package config is the file by which a host's provision-etcd knows what to do:
// its component writes it, root-only, and the program reads it.
package config
