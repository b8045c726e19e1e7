package kmod

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/test/corrupt"
)

func TestDamagedListsOfModules(t *testing.T) {
	corrupt.Feed(t, 1, func(in []byte) bool {
		if hasFilesystem(in, "overlay") {
			assert.Contains(t, string(in), "overlay")
		}
		found := listed(string(in), "br_netfilter")
		if found {
			assert.Regexp(t, "br[-_]netfilter", string(in))
		}
		return found
	}, []byte("kernel/net/bridge/br_netfilter.ko.xz: kernel/net/bridge/bridge.ko.xz\nkernel/fs/overlayfs/overlay.ko:\n"), []byte("nodev\tsysfs\nnodev\toverlay\n\text4\n"))
}
