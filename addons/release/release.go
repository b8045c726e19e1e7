package release

import (
	"fmt"
	"io/fs"
	"time"

	"provision/provision/bundle"
	"provision/provision/resource"
	kind "provision/provision/resource/release"
)

// Release is a Helm release of an add-on.
type Release struct {
	Name      string
	Namespace string
	// Chart is the chart's folder: Chart.yaml is at its root.
	Chart  fs.FS
	Values map[string]any
	// Images are the artifacts that hosts must hold before pods start.
	Images []bundle.Ref
	// Timeout bounds the wait for it to be ready; zero for the kind's default.
	Timeout time.Duration
}

// Resource is the wanted resource of the release: cluster/release["NAME"].
func (r Release) Resource() (resource.Resource, error) {
	files := map[string]string{}
	err := fs.WalkDir(r.Chart, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(r.Chart, path)
		files[path] = string(content)
		return err
	})
	if err != nil {
		return resource.Resource{}, fmt.Errorf("reading the chart of release %s: %w", r.Name, err)
	}
	return resource.New(resource.ClusterHost, kind.Name, r.Name, kind.Spec{
		Namespace: r.Namespace, CreateNamespace: true, Chart: files, Values: r.Values, Timeout: r.Timeout,
	}), nil
}
