package plan

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"provision/provision/component"
	"provision/provision/desired"
	"provision/provision/resource"
)

// Target limits a plan to one address, or to everything of one host.
type Target struct {
	Host string
	// Address is zero when the whole host is meant.
	Address resource.Address
}

// String is the target as an operator writes it.
func (t Target) String() string {
	if t.Address == (resource.Address{}) {
		return t.Host
	}
	return t.Address.String()
}

// holds reports whether an address is meant. With a host goes its etcd
// membership: with half of it the host is of no use.
func (t Target) holds(a resource.Address) bool {
	whole := t.Address == (resource.Address{})
	return a == t.Address || whole && (a.Host == t.Host || a == component.MemberAt(t.Host))
}

// ParseTargets reads targets as an operator writes them: HOST, cluster, or
// HOST/KIND["NAME"]. What is neither wanted nor about to be removed is an error
// that names the nearest thing there is.
func ParseTargets(texts []string, in Input) ([]Target, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	known := targetable(in)
	var targets []Target
	var errs []error
	for _, text := range texts {
		t, ok := known[text]
		if a, err := resource.ParseAddress(text); err == nil {
			t, ok = known[a.String()] // however its name was quoted
		}
		if !ok {
			errs = append(errs, unknownTarget(text, slices.Sorted(maps.Keys(known))))
			continue
		}
		if !slices.Contains(targets, t) {
			targets = append(targets, t)
		}
	}
	return targets, errors.Join(errs...)
}

// targetable is all that a target can name, by its text.
func targetable(in Input) map[string]Target {
	known := map[string]Target{resource.ClusterHost: {Host: resource.ClusterHost}}
	add := func(a resource.Address) { known[a.String()] = Target{Host: a.Host, Address: a} }
	add(BirthAddress(in.Cluster))
	add(RebootsAddress(in.Cluster))
	for host, seen := range in.Hosts {
		known[host] = Target{Host: host}
		add(JoinAddress(host, in.Cluster))
		if _, reboots := in.Reboots[host]; reboots {
			add(RebootAddress(host))
		}
		for _, gone := range seen.Result.Removed {
			if a, err := ledgerAddress(host, gone); err == nil {
				add(a)
			}
		}
	}
	for _, goes := range in.Ledger.Leaving {
		add(goes.Address)
	}
	if len(in.Ledger.Adopt) > 0 {
		add(LedgerAddress(in.Cluster))
	}
	for host := range in.Leaving {
		known[host] = Target{Host: host}
		add(ForgetAddress(host))
	}
	for host := range in.Isolating {
		add(IsolationAddress(host))
	}
	for _, r := range in.Graph.Resources {
		add(r.Address)
	}
	for _, gate := range in.Graph.Gates {
		add(gate.Address)
	}
	return known
}

func unknownTarget(text string, known []string) error {
	hint := "write HOST or HOST/KIND[\"NAME\"]"
	if near := nearest(text, known); near != "" {
		hint = "did you mean " + near + "?"
	}
	if host, _, isAddress := strings.Cut(text, "/"); isAddress && slices.Contains(known, host) {
		return fmt.Errorf("cannot target %s: host %s has no such resource; %s", text, host, hint)
	}
	return fmt.Errorf("cannot target %s: there is no such host or resource; %s", text, hint)
}

// Nearest is the word that was probably meant; "" when none is like it.
func Nearest(text string, words []string) string { return nearest(text, words) }

// nearest is the word that needs the fewest changes, if they are few.
func nearest(text string, words []string) string {
	best, least := "", max(2, len(text)/4)+1
	plain := strings.NewReplacer(`"`, "", "[", "", "]", "", "'", "")
	for _, word := range words {
		if d := distance(plain.Replace(text), plain.Replace(word), least); d < least {
			best, least = word, d
		}
	}
	return best
}

// distance counts the letters to insert, drop or replace; it gives up at limit.
func distance(a, b string, limit int) int {
	if d := len(a) - len(b); d >= limit || -d >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal, least := row[0], i+1
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
			least = min(least, row[j+1])
		}
		if least >= limit {
			return limit
		}
	}
	return row[len(b)]
}

// limit keeps the steps that a target names, those they require, and the gates
// that wait for nothing else. hard are the steps that each step requires; the
// turns of hosts that restart one after the other are not among them: a target
// does not drag along the hosts whose turn would come before.
func limit(p *Plan, targets []Target, hard map[resource.Address][]resource.Address) {
	steps := map[resource.Address]Step{}
	for _, s := range p.Steps {
		steps[s.Address] = s
	}
	kept := map[resource.Address]bool{}
	var keep func(a resource.Address)
	keep = func(a resource.Address) {
		if s, ok := steps[a]; ok && !kept[a] {
			kept[a] = true
			for _, need := range hard[a] {
				keep(need)
			}
			for _, need := range s.Of {
				keep(need)
			}
		}
	}
	for _, t := range targets {
		p.Targets = append(p.Targets, t.String())
		for _, s := range p.Steps {
			if t.holds(s.Address) {
				keep(s.Address)
			}
		}
	}
	slices.Sort(p.Targets)
	trim(p, kept)
}

// trim drops what is not kept from the plan.
func trim(p *Plan, kept map[resource.Address]bool) {
	left := func(list []resource.Address) []resource.Address {
		return slices.DeleteFunc(list, func(a resource.Address) bool { return !kept[a] })
	}
	all := func(list []resource.Address) bool {
		return !slices.ContainsFunc(list, func(a resource.Address) bool { return !kept[a] })
	}
	list := p.Steps
	p.Steps = nil
	for _, s := range list {
		if !kept[s.Address] && s.Address.Kind == desired.GateKind && all(s.Requires) {
			// It waits for the health of what changes, and can: so it stays.
			if s.Of = left(s.Of); len(s.Of) > 0 {
				s.Need = min(s.Need, s.Met+len(s.Of))
				p.Steps = append(p.Steps, s)
				continue
			}
		}
		if !kept[s.Address] {
			if s.Action != Wait {
				p.LeftOut++
			}
			continue
		}
		s.Requires = left(s.Requires)
		p.Steps = append(p.Steps, s)
	}
}
