package faults

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Row is one line of docs/faults.md.
type Row struct {
	ID       string `json:"id"`       // lower case, hyphens; area first: "kill-…", "lock-…"
	Promise  string `json:"promise"`  // what an operator may rely on
	Provoked string `json:"provoked"` // how the fault was made
	Figure   string `json:"figure"`   // what was measured in this run
	Test     string `json:"test"`     // name of the test
	Date     string `json:"date"`     // day of the run
}

// Folder is where rows are written: $PROVISION_FAULTS, else bin/faults of the
// work tree.
func Folder() string {
	if folder := os.Getenv("PROVISION_FAULTS"); folder != "" {
		return folder
	}
	_, here, _, _ := runtime.Caller(0)
	if !filepath.IsAbs(here) { // built with -trimpath: tests run in their package's folder
		return filepath.Join(workTree(), "bin", "faults")
	}
	return filepath.Join(filepath.Dir(here), "..", "..", "bin", "faults")
}

// workTree is the folder above the current one that has a go.mod.
func workTree() string {
	folder, err := os.Getwd()
	for err == nil && folder != filepath.Dir(folder) {
		if _, missing := os.Stat(filepath.Join(folder, "go.mod")); missing == nil {
			return folder
		}
		folder = filepath.Dir(folder)
	}
	return "."
}

// Record keeps a row when the test ends without failure. The id is given as a
// literal, so that rows can be found in the source.
func Record(t testing.TB, id, promise, provoked, format string, args ...any) {
	t.Helper()
	row := Row{ID: id, Promise: promise, Provoked: provoked, Figure: fmt.Sprintf(format, args...), Test: t.Name(),
		Date: time.Now().UTC().Format(time.DateOnly)}
	t.Cleanup(func() {
		if t.Failed() {
			return
		}
		raw, err := json.MarshalIndent(row, "", "  ")
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(Folder(), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(Folder(), row.ID+".json"), append(raw, '\n'), 0o644))
	})
}
