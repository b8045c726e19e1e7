//go:build e2e

package e2e

import "testing"

// linked has a host's data folders lead to another disk, as operators set them up.
func (c *cluster) linked(t *testing.T, host string, folders ...string) {
	t.Helper()
	for _, folder := range folders {
		c.on(t, host, "sh", "-c", "umount "+folder+"; rmdir "+folder+" && mkdir -p /srv/data"+folder+" && ln -s /srv/data"+folder+" "+folder)
	}
}
