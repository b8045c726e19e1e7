package helm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	chart "helm.sh/helm/v4/pkg/chart/v2"
	helmkube "helm.sh/helm/v4/pkg/kube"
	release "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage/driver"
	"k8s.io/cli-runtime/pkg/resource"

	"provision/provision/cluster"
)

// secretsAnnotation of a chart names the values that must not be shown. It is
// kept with the release, so that those of an earlier revision are known, too.
const secretsAnnotation = "provision/secret-values"

// readBudget bounds reading what Helm keeps.
const readBudget = 10 * time.Second

func annotate(loaded *chart.Chart, secrets []string) {
	if len(secrets) == 0 {
		return
	}
	if loaded.Metadata.Annotations == nil {
		loaded.Metadata.Annotations = map[string]string{}
	}
	loaded.Metadata.Annotations[secretsAnnotation] = strings.Join(secrets, ",")
}

// Installed implements cluster.Releases.
func (r *Releases) Installed(ctx context.Context, namespace, name string) (*cluster.Installed, error) {
	history, err := r.History(ctx, namespace, name)
	if err != nil || len(history) == 0 {
		return nil, err
	}
	run, done, err := r.start(ctx, namespace, readBudget, nil)
	if err != nil {
		return nil, err
	}
	defer done()
	kept, err := run.config.Releases.Get(name, history[len(history)-1].Number)
	if errors.Is(err, driver.ErrReleaseNotFound) {
		return nil, nil // gone meanwhile
	}
	if err != nil {
		return nil, fmt.Errorf("reading release %s: %w", name, run.explain(err))
	}
	of, ok := kept.(*release.Release)
	if !ok || of.Chart == nil || of.Chart.Metadata == nil {
		return nil, fmt.Errorf("cannot read release %s: it is of another version of Helm", name)
	}
	installed := &cluster.Installed{Chart: of.Chart.Metadata.Name, Version: of.Chart.Metadata.Version, Values: of.Config}
	if text := of.Chart.Metadata.Annotations[secretsAnnotation]; text != "" {
		installed.Hidden = strings.Split(text, ",")
	}
	objects, err := objectsOf(of.Manifest)
	if err != nil {
		return nil, fmt.Errorf("reading what release %s made: %w", name, err)
	}
	for _, object := range objects {
		var ref cluster.Ref
		var head struct {
			APIVersion, Kind string
			Metadata         struct{ Name, Namespace string }
		}
		if err := cluster.Decode(object, &head); err != nil {
			return nil, fmt.Errorf("reading what release %s made: %w", name, err)
		}
		ref.APIVersion, ref.Kind, ref.Name, ref.Namespace = head.APIVersion, head.Kind, head.Metadata.Name, head.Metadata.Namespace
		installed.Objects = append(installed.Objects, ref)
	}
	return installed, nil
}

// keeping is Helm's client for uninstalling: what holds data is not deleted.
type keeping struct{ *waitingClient }

// Build implements helmkube.Interface.
func (k keeping) Build(manifest io.Reader, validate bool) (helmkube.ResourceList, error) {
	list, err := k.waitingClient.Build(manifest, validate)
	return slices.DeleteFunc(list, func(info *resource.Info) bool {
		return cluster.HoldsData(info.Mapping.GroupVersionKind.Kind)
	}), err
}
