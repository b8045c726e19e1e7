package client

import (
	"path"

	"provision/provision/agent/api"
)

// checkSnapshot refuses what no snapshot is.
func checkSnapshot(r api.SnapshotResult) error {
	if err := plainText("the path of a snapshot", r.Path); err != nil {
		return err
	}
	if !path.IsAbs(r.Path) || r.Size <= 0 || r.Revision < 0 || r.Keys < 0 {
		return nonsense("a snapshot %q of %d bytes, %d keys and revision %d", r.Path, r.Size, r.Keys, r.Revision)
	}
	return nil
}
