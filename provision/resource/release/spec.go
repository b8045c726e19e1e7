package release

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"provision/provision/cluster"
	"provision/provision/resource"
)

// Name is the kind's name in addresses.
const Name = "release"

// Spec is a chart with its values. The resource's name is the release's.
type Spec struct {
	Namespace string `json:"namespace"`
	// CreateNamespace creates the namespace when it is not there.
	CreateNamespace bool `json:"create_namespace,omitempty"`
	// Chart are the chart's files by path: Chart.yaml, templates/….
	Chart  map[string]string `json:"chart"`
	Values map[string]any    `json:"values,omitempty"`
	// Hidden are the paths of values that are not shown; see Reveal.
	Hidden []string `json:"hidden,omitempty"`
	// Timeout bounds the wait for the release to be ready; five minutes if 0.
	Timeout time.Duration `json:"timeout,omitempty"`
}

// State is the newest revision, and the newest one that worked.
type State struct {
	Namespace string            `json:"namespace"`
	Last      *cluster.Revision `json:"last,omitempty"` // nil: there is no release
	Deployed  *cluster.Revision `json:"deployed,omitempty"`
	// Installed is read of a release that is to be upgraded only.
	Installed *cluster.Installed `json:"installed,omitempty"`
	// Drift are the objects' fields that are not as the chart makes them.
	Drift []resource.Change `json:"drift,omitempty"`
}

// Digest identifies chart and values. It fits a label: 52 characters.
func (s Spec) Digest() string {
	raw, err := json.Marshal([]any{s.Chart, s.Values})
	if err != nil {
		return "" // came from JSON: cannot happen
	}
	sum := sha256.Sum256(raw)
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:]))
}

func (s Spec) timeout() time.Duration {
	if s.Timeout == 0 {
		return 5 * time.Minute
	}
	return s.Timeout
}

func (s Spec) chart(name string) cluster.Chart {
	return cluster.Chart{Name: name, Namespace: s.Namespace, Files: s.Chart, Values: s.Values, Hidden: s.Hidden, Digest: s.Digest(), Timeout: s.timeout()}
}

// Check validates a spec.
func (Kind) Check(name string, want Spec) error {
	const longest = 53 // Helm's own limit
	if name == "" || len(name) > longest {
		return fmt.Errorf("release name %q must have 1 to %d characters", name, longest)
	}
	if want.Namespace == "" {
		return errors.New("a release needs a namespace")
	}
	if want.Chart["Chart.yaml"] == "" {
		return errors.New("the chart has no Chart.yaml")
	}
	return nil
}

// Diff compares the newest revision's status and digest, then its objects.
func (Kind) Diff(_ string, want Spec, have State) []resource.Change {
	digest := want.Digest()
	switch {
	case have.Last == nil:
		return []resource.Change{{Field: "release", New: "installed", Create: true}}
	case have.Last.Status != cluster.StatusDeployed:
		return []resource.Change{{Field: "status", Old: have.Last.Status, New: cluster.StatusDeployed}}
	case have.Last.Digest != digest:
		return upgraded(want, have)
	}
	return have.Drift
}

func brief(digest string) string {
	const shown = 12
	if len(digest) > shown {
		return digest[:shown]
	}
	return digest
}

func (s State) status() string {
	if s.Last == nil {
		return "absent"
	}
	return s.Last.Status
}
