package release

import (
	"fmt"
	"io/fs"
	"time"

	"provision/provision/component"
)

// Release is a Helm release of an add-on.
type Release struct {
	Addon           string // filled in by addons.Wanted
	Name            string
	Namespace       string
	CreateNamespace bool
	Chart           map[string]string // files by path; see Files
	// Values may hold secret.Value: such a one is not shown.
	Values map[string]any
	// Images are what its pods run and where they may run: the Nodes that hold
	// them before pods start. It says the same as the chart's templates.
	Images []component.Image
	// Timeout bounds the wait for it to be ready; zero for the kind's default.
	Timeout time.Duration
	// Requires names the releases that must be ready before this one.
	Requires []string
}

// Files reads a chart's folder, usually embedded: Chart.yaml is at its root.
func Files(chart fs.FS) (map[string]string, error) {
	files := map[string]string{}
	err := fs.WalkDir(chart, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(chart, path)
		files[path] = string(content)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the chart: %w", err)
	}
	return files, nil
}
