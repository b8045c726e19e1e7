package depot

import (
	"context"
	"errors"
	"strings"

	"provision/provision/cluster"
	"provision/provision/resource"
)

// MemberKind is the kind of a depot's membership, as the cluster sees it.
const MemberKind = "depotmember"

// MemberSpec is a membership. Healthy asks for more than that: what the others
// say of the member.
type MemberSpec struct {
	Address string `json:"address,omitempty"`
	Absent  bool   `json:"absent,omitempty"`
	Healthy bool   `json:"healthy,omitempty"`
}

// MemberState is what the others say: "" of no member.
type MemberState struct {
	Address string `json:"address,omitempty"`
	Says    string `json:"says,omitempty"`
}

// Members is where the members of this invention stand; a real one would have an
// API of its own.
var Members = cluster.Ref{APIVersion: "v1", Kind: "ConfigMap", Namespace: "kube-system", Name: "depot-members"}

// MemberKindOf is the kind for the catalogue.
func MemberKindOf() resource.Kind[*cluster.Env] {
	return resource.Erase[*cluster.Env, MemberSpec, MemberState](members{})
}

type members struct{}

func (members) Name() string { return MemberKind }

func (members) Check(_ string, want MemberSpec) error {
	if want.Absent == (want.Address != "") {
		return errors.New("a member has an address, and one that goes has none")
	}
	return nil
}

func (members) Observe(ctx context.Context, env *cluster.Env, name string, _ MemberSpec) (MemberState, error) {
	all, err := list(ctx, env)
	return all[name], err
}

func (members) Diff(_ string, want MemberSpec, have MemberState) []resource.Change {
	switch {
	case want.Absent && have.Address != "":
		return []resource.Change{{Field: "member", Old: have.Address, New: "removed"}}
	case want.Absent || want.Address == have.Address && (!want.Healthy || have.Says == "healthy"):
		return nil
	case want.Address == have.Address:
		return []resource.Change{{Field: "member", Old: have.Says, New: "healthy"}}
	}
	return []resource.Change{{Field: "member", Old: have.Address, New: want.Address, Create: have.Address == ""}}
}

func (members) Apply(ctx context.Context, env *cluster.Env, name string, want MemberSpec) error {
	var entry any // null takes it out
	if !want.Absent {
		entry = want.Address + " healthy"
	}
	err := env.Objects.Create(ctx, cluster.Object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": Members.Name, "namespace": Members.Namespace}})
	if err != nil && !errors.Is(err, cluster.ErrExists) {
		return err
	}
	return env.Objects.Merge(ctx, Members, cluster.Object{"data": map[string]any{name: entry}})
}

func (m members) Restore(ctx context.Context, env *cluster.Env, name string, before MemberState) error {
	return m.Apply(ctx, env, name, MemberSpec{Address: before.Address, Absent: before.Address == ""})
}

// list are the members by name.
func list(ctx context.Context, env *cluster.Env) (map[string]MemberState, error) {
	object, err := env.Objects.Get(ctx, Members)
	if err != nil || object == nil {
		return nil, err
	}
	var live struct{ Data map[string]string }
	if err := cluster.Decode(object, &live); err != nil {
		return nil, err
	}
	all := map[string]MemberState{}
	for name, entry := range live.Data {
		all[name] = parse(entry)
	}
	return all, nil
}

func parse(entry string) MemberState {
	address, says, _ := strings.Cut(entry, " ")
	return MemberState{Address: address, Says: says}
}
