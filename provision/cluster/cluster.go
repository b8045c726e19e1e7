package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Env is what a cluster-scoped kind acts on.
type Env struct {
	Objects  Objects
	Members  Members
	Releases Releases
	Pods     Pods
	// Now is the clock.
	Now func() time.Time
	// Progress is told, now and then, what a long Apply waits for. May be nil.
	Progress func(text string)
}

// Report tells progress, if anybody listens.
func (e *Env) Report(text string) {
	if e.Progress != nil {
		e.Progress(text)
	}
}

// Errors that kinds must tell apart.
var (
	// ErrConflict: the object changed between reading and writing it.
	ErrConflict = errors.New("the object was changed by somebody else meanwhile")
	// ErrExists: an object of that name is there already.
	ErrExists = errors.New("the object exists already")
	// ErrLearnerBehind: an etcd learner has not caught up with its leader.
	ErrLearnerBehind = errors.New("the learner has not caught up with the leader")
)

// FieldManager is our name in the managedFields of objects.
const FieldManager = "provision"

// OnlyOurs reports whether nobody but us wrote the object's fields; statuses are
// others' business.
func OnlyOurs(object Object) bool {
	var live struct {
		Metadata struct {
			ManagedFields []struct{ Manager, Subresource string } `json:"managedFields"`
		} `json:"metadata"`
	}
	if Decode(object, &live) != nil || len(live.Metadata.ManagedFields) == 0 {
		return false
	}
	for _, entry := range live.Metadata.ManagedFields {
		if entry.Manager != FieldManager && entry.Subresource != "status" {
			return false
		}
	}
	return true
}

// Object is a Kubernetes object as its API writes it.
type Object = map[string]any

// Decode reads what a type has of an object.
func Decode(object Object, into any) error {
	raw, err := json.Marshal(object)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

// Ref names a Kubernetes object.
type Ref struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

// String is KIND NAMESPACE/NAME, as people write it.
func (r Ref) String() string {
	if r.Namespace == "" {
		return r.Kind + " " + r.Name
	}
	return r.Kind + " " + r.Namespace + "/" + r.Name
}

// HoldsData reports whether objects of a kind hold what nobody could make again,
// themselves or in what goes with them. provision never deletes them.
func HoldsData(kind string) bool {
	switch kind {
	case "PersistentVolume", "PersistentVolumeClaim", "CustomResourceDefinition", "Namespace":
		return true
	}
	return false
}

// Objects reads and writes Kubernetes objects, one request a call.
type Objects interface {
	// Get returns the object, or nil when there is none.
	Get(ctx context.Context, ref Ref) (Object, error)
	// Create creates the object; ErrExists when there is one.
	Create(ctx context.Context, object Object) error
	// Merge sends a JSON merge patch. A metadata.resourceVersion in the patch
	// makes it conditional: ErrConflict.
	Merge(ctx context.Context, ref Ref, patch Object) error
	// Apply is a server-side apply that takes fields over from others.
	Apply(ctx context.Context, object Object) error
	// Delete deletes the object; one that is not there is no error.
	Delete(ctx context.Context, ref Ref) error
	// Contents are the objects in a namespace, but for those that Kubernetes
	// itself puts there, and those that go with another one.
	Contents(ctx context.Context, namespace string) ([]Ref, error)
}

// Occupied says what keeps a namespace from being deleted; "" when it is empty.
func Occupied(ctx context.Context, env *Env, namespace string) (string, error) {
	contents, err := env.Objects.Contents(ctx, namespace)
	if err != nil {
		return "", fmt.Errorf("looking into namespace %s: %w", namespace, err)
	}
	const shown = 3
	switch {
	case len(contents) == 0:
		return "", nil
	case len(contents) > shown:
		return fmt.Sprintf("it holds %d objects, such as %s", len(contents), contents[0]), nil
	}
	var names []string
	for _, ref := range contents {
		names = append(names, ref.String())
	}
	return "it holds " + strings.Join(names, ", "), nil
}

// Member is a member of the etcd cluster.
type Member struct {
	ID         uint64   `json:"id"`
	Name       string   `json:"name"` // "" until it has started once
	PeerURLs   []string `json:"peer_urls"`
	ClientURLs []string `json:"client_urls,omitempty"`
	Learner    bool     `json:"learner,omitempty"`
}

// Members changes the etcd cluster's membership.
type Members interface {
	List(ctx context.Context) ([]Member, error)
	AddLearner(ctx context.Context, peerURLs []string) (Member, error)
	// Promote makes a learner a voter; ErrLearnerBehind when it is too early.
	Promote(ctx context.Context, id uint64) error
	Update(ctx context.Context, id uint64, peerURLs []string) error
	Remove(ctx context.Context, id uint64) error
	// MoveLeader makes another voter the leader, if the named member is it.
	MoveLeader(ctx context.Context, name string) error
}

// Statuses of a Helm release that matter here.
const (
	StatusDeployed   = "deployed"
	StatusFailed     = "failed"
	StatusSuperseded = "superseded"
)

// Revision is one revision of a Helm release.
type Revision struct {
	Number int    `json:"number"`
	Status string `json:"status"` // Helm's: deployed, pending-install…
	// Digest is that of chart and values, as given at installation.
	Digest string `json:"digest,omitempty"`
}

// Installed is what Helm keeps of a release: what its newest revision was made
// of, and what that made.
type Installed struct {
	Chart, Version string
	Values         map[string]any
	// Hidden are the paths of values that must not be shown.
	Hidden  []string
	Objects []Ref // without hooks
}

// Chart is a release to be installed.
type Chart struct {
	Name, Namespace string
	Files           map[string]string // chart files by path: Chart.yaml, templates/…
	Values          map[string]any
	Hidden          []string // paths of values that must not be shown
	Digest          string
	Timeout         time.Duration // for everything to be ready
	Progress        func(text string)
}

// Releases installs charts with Helm.
type Releases interface {
	// History returns the known revisions, oldest first, by one cheap read.
	History(ctx context.Context, namespace, name string) ([]Revision, error)
	// Installed reads the newest revision of a release; nil when there is none.
	Installed(ctx context.Context, namespace, name string) (*Installed, error)
	// Render returns the objects that the chart makes, without asking anybody;
	// those of hooks are left out.
	Render(chart Chart) ([]Object, error)
	Install(ctx context.Context, chart Chart) error
	Upgrade(ctx context.Context, chart Chart) error
	Rollback(ctx context.Context, namespace, name string, revision int, timeout time.Duration) error
	Uninstall(ctx context.Context, namespace, name string, timeout time.Duration) error
}
