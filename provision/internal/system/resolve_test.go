package system_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/system"
	"provision/provision/internal/system/systemfake"
)

func linked(t *testing.T, links map[string]string, folders ...string) *systemfake.Host {
	t.Helper()
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	for _, f := range folders {
		require.NoError(t, os.MkdirAll(host.Root+f, 0o755))
		require.NoError(t, host.Put(f+"/data/file", "x", 0o600))
	}
	for link, target := range links {
		require.NoError(t, os.MkdirAll(filepath.Dir(host.Root+link), 0o755))
		require.NoError(t, os.RemoveAll(host.Root+link))
		require.NoError(t, os.Symlink(target, host.Root+link))
	}
	return host
}

func TestEmptyFollowsWhatTheKernelFollows(t *testing.T) {
	const etcd = "/var/lib/etcd"
	tests := map[string]struct {
		links   map[string]string
		folder  string // that is behind it
		refused string
	}{
		"no link":             {folder: etcd},
		"a link":              {links: map[string]string{etcd: "/srv/etcd"}, folder: "/srv/etcd"},
		"a link to a link":    {links: map[string]string{etcd: "/srv/a", "/srv/a": "b/etcd"}, folder: "/srv/b/etcd"},
		"a relative link":     {links: map[string]string{etcd: "../../srv/etcd"}, folder: "/srv/etcd"},
		"up and down":         {links: map[string]string{etcd: "/srv/here/../etcd", "/srv/here": "/data/x"}, folder: "/data/etcd"},
		"a parent":            {links: map[string]string{"/var/lib": "/data/lib"}, folder: "/data/lib/etcd"},
		"to the root":         {links: map[string]string{etcd: "/"}, refused: "it is a link to /, which holds other things"},
		"to a top folder":     {links: map[string]string{etcd: "/srv"}, folder: "/srv", refused: "link to /srv"},
		"to settings":         {links: map[string]string{etcd: "/etc/etcd"}, folder: "/etc/etcd", refused: "link to /etc/etcd"},
		"to kubelet's":        {links: map[string]string{etcd: "/var/lib/kubelet"}, folder: "/var/lib/kubelet", refused: "link to /var/lib/kubelet"},
		"to all data folders": {links: map[string]string{etcd: "/var/lib"}, folder: "/var/lib/other", refused: "link to /var/lib,"},
		"to our own":          {links: map[string]string{etcd: "/var/lib/provision/x"}, folder: "/var/lib/provision/x", refused: "link to /var/lib/provision/x"},
		"round in circles":    {links: map[string]string{etcd: "/srv/a", "/srv/a": etcd}, refused: "too many"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var folders []string
			if tt.folder != "" {
				folders = []string{tt.folder}
			}
			host := linked(t, tt.links, folders...)
			err := system.Empty(host.Files, etcd, false)
			for link := range tt.links {
				_, left := os.Lstat(host.Root + link)
				assert.NoError(t, left, "the operator's link stays")
			}
			if tt.refused != "" {
				require.ErrorContains(t, err, tt.refused)
				if tt.folder != "" {
					assert.FileExists(t, host.Root+tt.folder+"/data/file")
				}
				return
			}
			require.NoError(t, err)
			assert.NoDirExists(t, host.Root+tt.folder+"/data")
		})
	}
	t.Run("dangling", func(t *testing.T) {
		host := linked(t, map[string]string{etcd: "/srv/etcd"})
		require.NoError(t, system.Empty(host.Files, etcd, false))
		_, err := os.Lstat(host.Root + etcd)
		assert.NoError(t, err)
	})
}

// What an ordinary user could have pointed elsewhere is not followed.
func TestLinksOfOthersAreNotFollowed(t *testing.T) {
	t.Run("folder", func(t *testing.T) {
		host := linked(t, map[string]string{"/srv/open/etcd": "/srv/secret"}, "/srv/secret")
		require.NoError(t, os.Chmod(host.Root+"/srv/open", 0o777))
		require.ErrorContains(t, system.Empty(host.Files, "/srv/open/etcd", false), "others than root can change it")
		assert.FileExists(t, host.Root+"/srv/secret/data/file")
	})
	t.Run("owner", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("only root gives links away")
		}
		host := linked(t, map[string]string{"/var/lib/etcd": "/srv/secret"}, "/srv/secret")
		require.NoError(t, os.Lchown(host.Root+"/var/lib/etcd", 1000, 1000))
		require.ErrorContains(t, system.Empty(host.Files, "/var/lib/etcd", false), "others than root can change it")
		assert.FileExists(t, host.Root+"/srv/secret/data/file")
	})
}
