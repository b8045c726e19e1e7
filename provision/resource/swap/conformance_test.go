package swap_test

import (
	"errors"
	"testing"

	"provision/provision/internal/system/systemfake"
	"provision/provision/resource/resourcetest"
	"provision/provision/resource/swap"
)

const header = "Filename\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"

func TestConformance(t *testing.T) {
	resourcetest.Run(t,
		resourcetest.Case{Title: "two in use", Kind: swap.Of(), Name: "all", Spec: swap.Spec{Off: true}, Setup: func(host *systemfake.Host) error {
			return errors.Join(
				host.Put("/proc/swaps", header+"/dev/sda2 partition 1048572 0 -2\n/dev/zram0 partition 1048572 0 100\n", 0o444),
				host.Put("/etc/fstab", "UUID=1 / ext4 defaults 0 1\n/dev/sda2 none swap sw 0 0\n", 0o644))
		}, Drifts: map[string]func(*systemfake.Host) error{
			"turned on": func(host *systemfake.Host) error {
				return host.Put("/proc/swaps", header+"/dev/sda2 partition 1048572 0 -2\n", 0o444)
			},
			"at boot": func(host *systemfake.Host) error {
				return host.Put("/etc/fstab", "UUID=1 / ext4 defaults 0 1\n/dev/sda2 none swap sw 0 0\n", 0o644)
			},
		}},
		resourcetest.Case{Title: "at boot only", Kind: swap.Of(), Name: "all", Spec: swap.Spec{Off: true}, Setup: func(host *systemfake.Host) error {
			return errors.Join(host.Put("/proc/swaps", header, 0o444), host.Put("/etc/fstab", "/swapfile none swap sw 0 0", 0o600))
		}},
	)
}
