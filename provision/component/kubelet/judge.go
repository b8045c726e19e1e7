package kubelet

import (
	"fmt"
	"slices"
	"strings"

	kubeletconfig "k8s.io/kubelet/config/v1beta1"
	"sigs.k8s.io/yaml"

	"provision/provision/component/judge"
	"provision/provision/diag"
	"provision/provision/facts"
	"provision/provision/inventory"
)

const (
	kind = "KubeletConfiguration"
	// known is the version that the type and the bounds are of.
	known = "1.37.1"
)

// Judge implements inventory.Judge: what a kubelet would refuse when it starts,
// and more pods than their Node has addresses for.
func (kubelet) Judge(inv *inventory.Inventory) diag.List {
	version, err := inv.Version(Name)
	if err != nil {
		return nil // told
	}
	fields := func(w written) diag.List {
		gates, _ := w.fields["featureGates"].(map[string]any)
		return append(judge.Fields[kubeletconfig.KubeletConfiguration](inv, w.path, w.fields, kind, version, known),
			judge.Gates(inv, append(slices.Clone(w.path), "featureGates"), version, gates)...)
	}
	general := written{[]string{"kubernetes", "kubelet"}, inv.Kubernetes.Kubelet}
	found := fields(general)
	ours := merge(defaults(inv, inventory.Host{}, facts.Host{}), general.fields)
	alone := func(h inventory.Host) bool { return h.Joins() && inv.PoolOf(h).Name == "" }
	if slices.ContainsFunc(inv.Hosts, alone) {
		found = append(found, values(inv, ours, general)...)
	}
	for _, pool := range inv.Pools {
		own := written{[]string{"kubelet", pool.Name, "config"}, pool.Config}
		found = append(found, fields(own)...)
		found = append(found, values(inv, merge(ours, pooled(pool)), own, general)...)
	}
	return found
}

// written are the fields that the inventory has at a path.
type written struct {
	path   []string
	fields map[string]any
}

// values judges a whole configuration, if every field has the right type: others are
// told by fields. Only what the inventory has is told of: sources, the nearest
// first.
func values(inv *inventory.Inventory, fields map[string]any, sources ...written) diag.List {
	raw, err := yaml.Marshal(fields)
	var config kubeletconfig.KubeletConfiguration
	if err == nil {
		err = yaml.Unmarshal(raw, &config)
	}
	j := judging{inv: inv, fields: fields, sources: sources}
	if err != nil {
		return nil
	}
	j.numbers()
	j.words(config)
	j.together(config)
	j.pods(config)
	return j.found
}

type judging struct {
	inv     *inventory.Inventory
	fields  map[string]any
	sources []written
	found   diag.List
}

// refuse tells of the first of the fields that is written. One may name what is
// in it: evictionHard.memory.available.
func (j *judging) refuse(fields []string, format string, args ...any) {
	for _, field := range fields {
		top, inner, _ := strings.Cut(field, ".")
		for _, s := range j.sources {
			if _, ok := s.fields[top]; ok {
				at := j.inv.Places.Near(append(slices.Clone(s.path), top, inner)...)
				j.found = append(j.found, diag.Errorf(at, "Invalid kubelet setting", "%s", fmt.Sprintf(format, args...)))
				return
			}
		}
	}
}

func (j *judging) pods(config kubeletconfig.KubeletConfiguration) {
	n := j.inv.Network
	most := room(n)
	if int(config.MaxPods) <= most {
		return
	}
	j.refuse([]string{"maxPods"}, "maxPods = %d is more than a Node has addresses for: node_prefix = %d leaves %d addresses less 3 (network, gateway, broadcast), %d pods. Write maxPods = %d or less; a cluster that does not exist yet can take a shorter node_prefix.",
		config.MaxPods, n.NodePrefix, most+3, most, most)
	last := &j.found[len(j.found)-1]
	last.Summary = "More pods than addresses"
	*last = last.And("node_prefix is", j.inv.Places.Near("network", "node_prefix"))
}
