package helm

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"time"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	helmkube "helm.sh/helm/v4/pkg/kube"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/metadata"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"provision/provision/cluster"
	"provision/provision/kube"
)

// digestLabel is the label of a release that carries chart and values' digest.
const digestLabel = "provision-digest"

// keep is how many revisions of a release Helm remembers.
const keep = 5

// Releases implements cluster.Releases.
type Releases struct {
	client *kube.Client
	point  func(string)
}

var _ cluster.Releases = (*Releases)(nil)

// New returns Helm on a cluster. Helm's own log is dropped.
func New(client *kube.Client) *Releases {
	return &Releases{client: client, point: func(string) {}}
}

// Watched returns a copy that calls point each time that a revision of a
// release was written down, with its status.
func (r *Releases) Watched(point func(string)) *Releases {
	return &Releases{client: r.client, point: point}
}

// History implements cluster.Releases. It reads the metadata of the secrets in
// which Helm keeps revisions, not the charts inside.
func (r *Releases) History(ctx context.Context, namespace, name string) ([]cluster.Revision, error) {
	client, err := metadata.NewForConfig(r.client.Config())
	if err != nil {
		return nil, fmt.Errorf("preparing the metadata client: %w", err)
	}
	secrets := schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	list, err := client.Resource(secrets).Namespace(namespace).List(ctx, metav1.ListOptions{LabelSelector: "owner=helm,name=" + name})
	if err != nil {
		return nil, fmt.Errorf("listing revisions of release %s: %w", name, err)
	}
	var revisions []cluster.Revision
	for _, item := range list.Items {
		number, err := strconv.Atoi(item.Labels["version"])
		if err != nil {
			continue // not a secret of Helm's
		}
		revisions = append(revisions, cluster.Revision{Number: number, Status: item.Labels["status"], Digest: item.Labels[digestLabel]})
	}
	slices.SortFunc(revisions, func(a, b cluster.Revision) int { return a.Number - b.Number })
	return revisions, nil
}

// Install implements cluster.Releases.
func (r *Releases) Install(ctx context.Context, want cluster.Chart) error {
	loaded, err := load(want.Files)
	if err != nil {
		return err
	}
	annotate(loaded, want.Hidden)
	run, done, err := r.start(ctx, want.Namespace, want.Timeout, want.Progress)
	if err != nil {
		return err
	}
	defer done()
	install := action.NewInstall(run.config)
	install.ReleaseName, install.Namespace = want.Name, want.Namespace
	install.Labels = map[string]string{digestLabel: want.Digest}
	install.WaitStrategy, install.Timeout = helmkube.StatusWatcherStrategy, want.Timeout
	// The schema would be downloaded whole; the server validates anyway.
	install.DisableOpenAPIValidation = true
	// Objects of a run that was killed before Helm recorded them are ours.
	install.TakeOwnership, install.ForceConflicts = true, true
	_, err = install.Run(loaded, want.Values)
	return run.explain(err)
}

// Upgrade implements cluster.Releases.
func (r *Releases) Upgrade(ctx context.Context, want cluster.Chart) error {
	loaded, err := load(want.Files)
	if err != nil {
		return err
	}
	annotate(loaded, want.Hidden)
	run, done, err := r.start(ctx, want.Namespace, want.Timeout, want.Progress)
	if err != nil {
		return err
	}
	defer done()
	upgrade := action.NewUpgrade(run.config)
	upgrade.Namespace, upgrade.MaxHistory = want.Namespace, keep
	upgrade.Labels = map[string]string{digestLabel: want.Digest}
	upgrade.WaitStrategy, upgrade.Timeout = helmkube.StatusWatcherStrategy, want.Timeout
	upgrade.DisableOpenAPIValidation, upgrade.ResetValues = true, true
	upgrade.TakeOwnership, upgrade.ForceConflicts, upgrade.ServerSideApply = true, true, "true"
	_, err = upgrade.Run(want.Name, loaded, want.Values)
	return run.explain(err)
}

// Rollback implements cluster.Releases.
func (r *Releases) Rollback(ctx context.Context, namespace, name string, revision int, timeout time.Duration) error {
	run, done, err := r.start(ctx, namespace, timeout, nil)
	if err != nil {
		return err
	}
	defer done()
	rollback := action.NewRollback(run.config)
	rollback.Version, rollback.MaxHistory = revision, keep
	// An upgrade follows, which waits for what it wants; here nothing is.
	rollback.WaitStrategy, rollback.Timeout = helmkube.HookOnlyStrategy, timeout
	rollback.ForceConflicts, rollback.ServerSideApply = true, "true"
	return run.explain(rollback.Run(name))
}

// Uninstall implements cluster.Releases.
func (r *Releases) Uninstall(ctx context.Context, namespace, name string, timeout time.Duration) error {
	run, done, err := r.start(ctx, namespace, timeout, nil)
	if err != nil {
		return err
	}
	defer done()
	run.config.KubeClient = keeping{run.client}
	uninstall := action.NewUninstall(run.config)
	uninstall.IgnoreNotFound = true
	uninstall.WaitStrategy, uninstall.Timeout = helmkube.StatusWatcherStrategy, timeout
	// Foreground would need the garbage collector, which may be what is broken.
	uninstall.DeletionPropagation = "background"
	_, err = uninstall.Run(name)
	return run.explain(err)
}

func load(files map[string]string) (*chart.Chart, error) {
	buffered := make([]*archive.BufferedFile, 0, len(files))
	for path, content := range files {
		buffered = append(buffered, &archive.BufferedFile{Name: path, Data: bytes.Clone([]byte(content))})
	}
	sort.Slice(buffered, func(i, j int) bool { return buffered[i].Name < buffered[j].Name })
	loaded, err := loader.LoadFiles(buffered)
	if err != nil {
		return nil, fmt.Errorf("loading the chart: %w", err)
	}
	return loaded, nil
}
