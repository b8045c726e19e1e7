// Package ossettings makes an operating system fit for Kubernetes: kernel
// modules and parameters, no swap, its own name in /etc/hosts, a journal that
// survives a reboot and cannot fill the disk.
package ossettings
