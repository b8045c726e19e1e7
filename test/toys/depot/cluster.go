package depot

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"provision/provision/component"
	"provision/provision/inventory"
	"provision/provision/resource"
)

// Clusterwide implements component.Clusterwide: each depot is a member once its
// unit runs, those that go are taken out before, and pods are told where they are.
func (depot) Clusterwide(c *component.Cluster) (component.Wide, error) {
	w := component.Wide{Leaves: map[string]component.Leave{}}
	var hosts []string
	for _, h := range c.Inventory.With(Role) {
		hosts = append(hosts, h.Address.String())
		if _, answered := c.Facts[h.Name]; answered {
			w.Resources = append(w.Resources, member(h, MemberSpec{Address: h.Address.String()}).After(component.UnitAt(h.Name, Unit)))
		}
	}
	for _, l := range c.Losing(Name) {
		out := member(l.Host, MemberSpec{Absent: true})
		w.Resources = append(w.Resources, out)
		w.Leaves[l.Host.Name] = component.Leave{First: []resource.Address{out.Address}}
	}
	if len(hosts) == 0 {
		return w, nil
	}
	objects, err := component.Manifests(component.Object{Name: "ConfigMap/kube-system/depots",
		YAML: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: depots, namespace: kube-system}\ndata: {hosts: \"" + strings.Join(hosts, " ") + "\"}\n"})
	w.Resources = append(w.Resources, objects...)
	return w, err
}

func member(h inventory.Host, spec MemberSpec) resource.Resource {
	return resource.New(resource.ClusterHost, MemberKind, h.Name, spec).After(component.APIAt())
}

// Learn implements component.Learner: it warns of members that are nobody's.
func (depot) Learn(ctx context.Context, c *component.Cluster, ask component.Ask) (component.Lesson, error) {
	var lesson component.Lesson
	env, err := ask.Env(ctx)
	if err != nil {
		return lesson, nil // it is as good tomorrow
	}
	members, err := list(ctx, env)
	if err != nil {
		return lesson, nil
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		_, listed := c.Inventory.Host(name)
		leaves := slices.ContainsFunc(c.Losing(Name), func(l component.Leaving) bool { return l.Host.Name == name })
		if !listed && !leaves {
			lesson.Warnings = append(lesson.Warnings, fmt.Sprintf("depot %s is a member and no host of the inventory", name))
		}
	}
	return lesson, nil
}
