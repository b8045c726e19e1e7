// Package command is the command line of provision-etcd.
package command
