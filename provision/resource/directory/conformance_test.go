package directory_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/system"
	"provision/provision/internal/system/systemfake"
	"provision/provision/resource"
	"provision/provision/resource/directory"
	"provision/provision/resource/resourcetest"
)

func TestConformance(t *testing.T) {
	spec := directory.Spec{Attr: system.Attr{UID: 3, GID: 4, Mode: 0o750}}
	purge := directory.Spec{Attr: system.Attr{Mode: 0o700}, Purge: true}
	resourcetest.Run(t,
		resourcetest.Case{Title: "new", Kind: directory.Of(), Name: "/var/lib/etcd", Spec: spec, Drifts: map[string]func(*systemfake.Host) error{
			"mode": func(host *systemfake.Host) error {
				return host.Files.SetAttr("/var/lib/etcd", system.Attr{UID: 3, GID: 4, Mode: 0o777})
			},
			"owner": func(host *systemfake.Host) error {
				return host.Files.SetAttr("/var/lib/etcd", system.Attr{Mode: 0o750})
			},
			"deleted": func(host *systemfake.Host) error { return host.Files.RemoveAll("/var/lib/etcd") },
		}},
		resourcetest.Case{Title: "purge", Kind: directory.Of(), Name: "/var/lib/etcd", Spec: purge},
		resourcetest.Case{Title: "purge what was empty", Kind: directory.Of(), Name: "/var/lib/etcd", Spec: purge, Setup: func(host *systemfake.Host) error {
			return host.Files.Mkdir("/var/lib/etcd", system.Attr{Mode: 0o755})
		}},
		resourcetest.Case{Title: "mode", Kind: directory.Of(), Name: "/data", Spec: spec, Setup: func(host *systemfake.Host) error {
			return host.Put("/data/file", "kept", 0o644)
		}},
		resourcetest.Case{Title: "on another disk", Kind: directory.Of(), Name: "/data", Spec: spec, Setup: func(host *systemfake.Host) error {
			if err := host.Put("/disk/file", "kept", 0o644); err != nil {
				return err
			}
			return host.Files.Symlink("/disk", "/data")
		}},
	)
}

// A purged folder that is a link is emptied where it leads; the link stays. What
// stood there before does too, and what an older ledger does not tell of.
func TestPurgeGoesBehindLinks(t *testing.T) {
	for name, tt := range map[string]struct{ stood, old, kept bool }{"ours": {}, "theirs": {stood: true, kept: true}, "an older ledger": {old: true, kept: true}} {
		t.Run(name, func(t *testing.T) {
			host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
			require.NoError(t, err)
			require.NoError(t, host.Files.Mkdir("/srv/etcd", system.Attr{Mode: 0o755}))
			require.NoError(t, host.Files.Symlink("/srv/etcd", "/data"))
			if tt.stood {
				require.NoError(t, host.Put("/srv/etcd/theirs", "x", 0o600))
			}
			kind, raw := directory.Of(), resource.New("n1", directory.Kind, "/data", directory.Spec{Attr: system.Attr{Mode: 0o700}, Purge: true}).Spec
			before, err := kind.Observe(t.Context(), host.System, "/data", raw)
			require.NoError(t, err)
			if tt.old {
				before = json.RawMessage(strings.Replace(string(before), `"bare":true`, `"bare":false`, 1))
			}
			require.NoError(t, kind.Apply(t.Context(), host.System, "/data", raw))
			require.NoError(t, host.Put("/srv/etcd/member/wal", "secret", 0o600))
			require.NoError(t, kind.Restore(t.Context(), host.System, "/data", before))
			info, err := host.Files.Lstat("/data")
			require.NoError(t, err)
			assert.Equal(t, "symlink", info.Type)
			info, err = host.Files.Lstat("/srv/etcd")
			require.NoError(t, err)
			assert.Equal(t, uint32(0o755), info.Attr.Mode)
			_, err = host.Files.Lstat("/srv/etcd/member/wal")
			assert.Equal(t, tt.kept, err == nil)
		})
	}
}
