package client

import (
	"strings"

	"provision/provision/agent/api"
)

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
