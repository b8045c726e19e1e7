package client

import (
	"path"
	"strings"

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

// checkReboot refuses what is no boot.
func checkReboot(r api.RebootResult) error {
	if err := plainText("the boot id", r.BootID); err != nil {
		return err
	}
	if r.BootID == "" {
		return nonsense("it rebooted and has no boot id")
	}
	return plainText("the state of the boot", r.State)
}

// checkHistory refuses records that were not asked for, or that no host of ours
// keeps. What is in them is checked by those who read them.
func checkHistory(result api.HistoryResult, asked api.HistoryParams) error {
	if len(result.Sizes) > 2*api.MaxHistoryFiles {
		return nonsense("it keeps %d records of runs", len(result.Sizes))
	}
	for name, size := range result.Sizes {
		if !api.HistoryName(name) || size < 0 {
			return nonsense("it keeps a record %.80q of %d bytes", name, size)
		}
	}
	for name, content := range result.Content {
		run := asked.Runs && strings.HasSuffix(name, api.RunSuffix)
		if !api.HistoryName(name) || !run && name != asked.Get || len(content) > api.MaxHistoryFile {
			return nonsense("it answers with a record %.80q of %d bytes, which was not asked for", name, len(content))
		}
	}
	return nil
}
