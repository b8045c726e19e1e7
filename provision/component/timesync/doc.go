// Package timesync keeps the hosts' clocks right with chrony and the
// inventory's NTP servers; certificates and etcd depend on it.
package timesync
