package sysctl_test

import (
	"testing"

	"provision/provision/internal/system/systemfake"
	"provision/provision/resource/resourcetest"
	"provision/provision/resource/sysctl"
)

func kernel(key, value string) func(*systemfake.Host) error {
	return func(host *systemfake.Host) error { return host.Put("/proc/sys/"+key, value, 0o644) }
}

func TestConformance(t *testing.T) {
	resourcetest.Run(t,
		resourcetest.Case{Title: "set", Kind: sysctl.Of(), Name: "net.ipv4.ip_forward", Spec: sysctl.Spec{Value: "1"}, Setup: kernel("net/ipv4/ip_forward", "0\n"), Drifts: map[string]func(*systemfake.Host) error{
			"set": kernel("net/ipv4/ip_forward", "0\n"),
			"file deleted": func(host *systemfake.Host) error {
				return host.Files.Remove("/etc/sysctl.d/90-provision-net.ipv4.ip_forward.conf")
			},
			"file edited": func(host *systemfake.Host) error {
				return host.Put("/etc/sysctl.d/90-provision-net.ipv4.ip_forward.conf", "net.ipv4.ip_forward = 0\n", 0o644)
			},
		}},
		resourcetest.Case{Title: "right now but not at boot", Kind: sysctl.Of(), Name: "vm.overcommit_memory", Spec: sysctl.Spec{Value: "1"}, Setup: kernel("vm/overcommit_memory", "1\n")},
		resourcetest.Case{Title: "at least", Kind: sysctl.Of(), Name: "fs.inotify.max_user_watches", Spec: sysctl.Spec{Value: "1000", AtLeast: true}, Setup: kernel("fs/inotify/max_user_watches", "999\n"), Drifts: map[string]func(*systemfake.Host) error{
			"lowered": kernel("fs/inotify/max_user_watches", "10\n"),
			"file deleted": func(host *systemfake.Host) error {
				return host.Files.Remove("/etc/sysctl.d/90-provision-fs.inotify.max_user_watches.conf")
			},
		}},
		resourcetest.Case{Title: "several fields", Kind: sysctl.Of(), Name: "net.ipv4.ip_local_port_range", Spec: sysctl.Spec{Value: "1024 65535"}, Setup: kernel("net/ipv4/ip_local_port_range", "32768\t60999\n")},
		resourcetest.Case{Title: "file of ours", Kind: sysctl.Of(), Name: "net.ipv4.ip_forward", Spec: sysctl.Spec{Value: "1"}, Setup: func(host *systemfake.Host) error {
			if err := host.Put("/etc/sysctl.d/90-provision-net.ipv4.ip_forward.conf", "net.ipv4.ip_forward = 0\n", 0o600); err != nil {
				return err
			}
			return kernel("net/ipv4/ip_forward", "1\n")(host)
		}},
	)
}
