package helm

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"

	"provision/provision/cluster"
)

// Render implements cluster.Releases.
func (r *Releases) Render(want cluster.Chart) ([]cluster.Object, error) {
	loaded, err := load(want.Files)
	if err != nil {
		return nil, err
	}
	rendered, err := templates(loaded, want)
	if err != nil {
		return nil, fmt.Errorf("rendering chart %s: %w", want.Name, err)
	}
	var objects []cluster.Object
	for _, file := range slices.Sorted(maps.Keys(rendered)) {
		if name := path.Base(file); strings.HasPrefix(name, "_") || name == "NOTES.txt" {
			continue
		}
		made, err := objectsOf(rendered[file])
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		objects = append(objects, made...)
	}
	return objects, nil
}

// objectsOf are those of a manifest, without hooks.
func objectsOf(manifest string) ([]cluster.Object, error) {
	var objects []cluster.Object
	for document := range strings.SplitSeq("\n"+manifest, "\n---") {
		var object cluster.Object
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			return nil, err
		}
		if len(object) > 0 && !hook(object) {
			objects = append(objects, object)
		}
	}
	return objects, nil
}

func templates(loaded *chart.Chart, want cluster.Chart) (map[string]string, error) {
	options := common.ReleaseOptions{Name: want.Name, Namespace: want.Namespace, Revision: 1, IsInstall: true}
	values, err := util.ToRenderValues(loaded, want.Values, options, common.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	return engine.Render(loaded, values)
}

// hook reports whether Helm makes the object beside the release.
func hook(object cluster.Object) bool {
	metadata, _ := object["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	_, is := annotations["helm.sh/hook"]
	return is
}
