package desired

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"provision/provision/component"
	"provision/provision/inventory"
	"provision/provision/resource"
)

// Bracket is what a component wants done before and after changes of hosts.
type Bracket struct {
	Component string
	Hosts     []string
	// Before are not among the graph's resources, which are always wanted, but
	// are found by their addresses. After are.
	Before []resource.Resource
	After  []resource.Address
}

// bracket takes in what a component wants around the changes of a host.
func (g *Graph) bracket(c component.Component, in Input, host inventory.Host) error {
	arounder, ok := c.(component.Arounder)
	if !ok {
		return nil
	}
	before, after := arounder.Around(in.Cluster, host)
	if len(before)+len(after) == 0 {
		return nil
	}
	b := Bracket{Component: c.Name(), Hosts: []string{host.Name}}
	for _, list := range [][]resource.Resource{before, after} {
		for i := range list {
			list[i].Component = c.Name()
			if at := list[i].Address.Host; at != host.Name && at != resource.ClusterHost {
				return fmt.Errorf("component %s wants %s around changes of %s", c.Name(), list[i].Address, host.Name)
			}
		}
	}
	b.Before = before
	for _, r := range before {
		if known, dup := g.byAddress[r.Address]; dup && !bytes.Equal(known.Spec, r.Spec) {
			return fmt.Errorf("%s is wanted in two ways, by %s and %s", r.Address, known.Component, c.Name())
		}
		g.byAddress[r.Address] = r
	}
	for _, r := range after {
		b.After = append(b.After, r.Address)
		if known, dup := g.byAddress[r.Address]; dup && bytes.Equal(known.Spec, r.Spec) && known.Component == r.Component {
			continue // shared by hosts
		}
		if err := g.add(r, r.Address.Host); err != nil {
			return err
		}
	}
	same := slices.IndexFunc(g.Brackets, func(o Bracket) bool { return o.key() == b.key() })
	if same >= 0 {
		g.Brackets[same].Hosts = append(g.Brackets[same].Hosts, host.Name)
		return nil
	}
	g.Brackets = append(g.Brackets, b)
	return nil
}

func (b Bracket) key() string {
	var list []string
	for _, r := range b.Before {
		list = append(list, r.Address.String())
	}
	list = append(list, "")
	for _, a := range b.After {
		list = append(list, a.String())
	}
	return b.Component + "\n" + strings.Join(list, "\n")
}

// Closes reports whether the address is the end of a bracket.
func (g *Graph) Closes(a resource.Address) bool {
	return slices.ContainsFunc(g.Brackets, func(b Bracket) bool { return slices.Contains(b.After, a) })
}
