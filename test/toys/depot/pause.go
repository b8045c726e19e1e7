package depot

import (
	"context"

	"provision/provision/cluster"
	"provision/provision/resource"
)

// PauseKind is the kind of a depot's pause: the others send it nothing.
const PauseKind = "depotpause"

// PauseSpec says whether a host's depot is paused.
type PauseSpec struct {
	Host   string `json:"host"`
	Paused bool   `json:"paused,omitempty"`
}

// PauseState says whether it is.
type PauseState struct {
	Paused bool `json:"paused,omitempty"`
}

// PauseKindOf is the kind for the catalogue.
func PauseKindOf() resource.Kind[*cluster.Env] {
	return resource.Erase[*cluster.Env, PauseSpec, PauseState](pause{})
}

type pause struct{}

func (pause) Name() string                  { return PauseKind }
func (pause) Check(string, PauseSpec) error { return nil }

func (pause) Observe(ctx context.Context, env *cluster.Env, _ string, want PauseSpec) (PauseState, error) {
	object, err := env.Objects.Get(ctx, Members)
	if err != nil || object == nil {
		return PauseState{}, err
	}
	var live struct {
		Metadata struct{ Annotations map[string]string }
	}
	err = cluster.Decode(object, &live)
	return PauseState{live.Metadata.Annotations[paused(want.Host)] != ""}, err
}

func (pause) Diff(_ string, want PauseSpec, have PauseState) []resource.Change {
	if want.Paused == have.Paused {
		return nil
	}
	words := map[bool]string{true: "paused", false: "takes blobs"}
	return []resource.Change{{Field: "depot", Old: words[have.Paused], New: words[want.Paused]}}
}

func (pause) Apply(ctx context.Context, env *cluster.Env, _ string, want PauseSpec) error {
	var mark any // null takes it off
	if want.Paused {
		mark = "yes"
	}
	return env.Objects.Merge(ctx, Members, cluster.Object{"metadata": map[string]any{"annotations": map[string]any{paused(want.Host): mark}}})
}

// Restore does nothing: the mark goes with the member.
func (pause) Restore(context.Context, *cluster.Env, string, PauseState) error { return nil }

func paused(host string) string { return "paused/" + host }
