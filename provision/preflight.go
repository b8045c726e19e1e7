package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"provision/provision/component"
	"provision/provision/event"
	"provision/provision/examine"
	"provision/provision/identity"
	"provision/provision/internal/ssh"
	"provision/provision/preflight"
)

// Preflight is what is wrong with the hosts of an inventory.
type Preflight struct {
	Cluster  string              `json:"cluster"`
	Target   string              `json:"target"`
	Hosts    int                 `json:"hosts"`
	Findings []preflight.Finding `json:"findings"`
	// Pairs and Connections are how much was tried host to host.
	Pairs       int           `json:"pairs"`
	Connections int           `json:"connections"`
	Took        time.Duration `json:"took_ns"`
}

// Errors counts the findings that keep hosts out of an apply.
func (p *Preflight) Errors() int {
	n := 0
	for _, f := range p.Findings {
		if f.Severity == preflight.Error {
			n++
		}
	}
	return n
}

// Preflight examines all hosts in one pass. Nothing is changed on any host but
// that the agent is put there. full tries all hosts with all others.
func (o *Operator) Preflight(ctx context.Context, full bool) (*Preflight, error) {
	began := o.Now()
	o.dial(ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := &Preflight{Cluster: o.Inventory.Cluster.Name, Target: o.Target(), Hosts: len(o.Inventory.Hosts)}
	for _, h := range o.Inventory.Hosts {
		if err := o.fleet.Failed[h.Name]; err != nil {
			p.Findings = append(p.Findings, unreachable(h.Name, err))
		}
	}
	_, err := identity.Decide(o.Inventory, o.fleet.Owned())
	if errors.Is(err, identity.ErrForeign) {
		return nil, err // nothing is measured on another cluster's hosts
	}
	if err != nil && len(o.fleet.Failed) == 0 {
		p.Findings = append(p.Findings, preflight.Finding{Severity: preflight.Error, Check: preflight.Cluster, What: err.Error(),
			Why: "apply would refuse", Remedy: "see docs/operations.md"})
	}
	in := o.examination(func(preflight.Host) bool { return true })
	in.Full = full
	e := examine.Run(ctx, in)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.Findings = preflight.Sorted(append(preflight.Soften(p.Findings, o.IgnorePreflight), e.Findings...))
	p.Pairs, p.Connections = preflight.Pairs(e.Links), len(e.Links)
	p.Took = o.Now().Sub(began)
	return p, nil
}

// unreachable puts the error of a host that takes no part into a finding.
func unreachable(host string, err error) preflight.Finding {
	f := preflight.Finding{Severity: preflight.Error, Host: host, Check: preflight.SSH, What: err.Error(), Remedy: "log in by hand to see more: ssh -v"}
	var known *ssh.Error
	if errors.As(err, &known) {
		f.What = fmt.Sprintf("%s: %s", known.Address, known.Kind)
		if known.Detail != "" {
			f.What += ": " + known.Detail
		}
		if known.Remedy != "" {
			f.Remedy = known.Remedy
		}
	}
	return f
}

// admit examines the hosts that are not what their roles say yet. Those that
// are not fit take no part, with all the reasons.
func (o *Operator) admit(ctx context.Context, s *survey) error {
	if slices.Contains(o.IgnorePreflight, "all") || !slices.ContainsFunc(o.candidates(), preflight.Host.New) {
		return nil
	}
	o.emit(event.Event{Type: event.PhaseStarted, Text: "Checking the hosts that join"})
	in := o.examination(preflight.Host.New)
	in.Brief = true
	e := examine.Run(ctx, in)
	if err := ctx.Err(); err != nil {
		return err
	}
	refused := map[string]error{}
	for _, h := range e.Hosts {
		if bad := preflight.Refused(e.Findings, h.Name); h.New() && len(bad) > 0 {
			refused[h.Name] = unfit(h.Name, bad)
		}
	}
	for _, f := range e.Findings {
		if f.Severity == preflight.Warning || f.Host == "" || refused[f.Host] == nil {
			s.warn = append(s.warn, strings.TrimPrefix(f.Host+": "+f.String(), ": "))
		}
	}
	return o.refuse(refused)
}

// refuse lets hosts take no part. A new cluster is not born without one of its
// masters or etcd hosts: it would come back as a stranger.
func (o *Operator) refuse(refused map[string]error) error {
	var all []error
	keepers := false
	for _, h := range o.Inventory.Hosts {
		if err := refused[h.Name]; err != nil {
			all, keepers = append(all, err), keepers || h.Keeper()
		}
	}
	if keepers && o.decision.Identity == nil {
		return fmt.Errorf("cannot create cluster %q, which takes all its masters and etcd hosts. Nothing was changed:\n%w", o.Inventory.Cluster.Name, errors.Join(all...))
	}
	for name, err := range refused {
		o.exclude(name, err)
	}
	return nil
}

func unfit(host string, bad []preflight.Finding) error {
	lines := make([]string, 0, len(bad))
	for _, f := range bad {
		lines = append(lines, fmt.Sprintf("%s: %s", f.Check, f))
	}
	return &notFitError{host, lines}
}

// notFitError is why a host takes no part that answered and could not be used.
type notFitError struct {
	host  string
	lines []string
}

// Error implements error.
func (e *notFitError) Error() string {
	return fmt.Sprintf("host %s is not fit (--ignore-preflight CHECK takes it all the same):\n  %s", e.host, strings.Join(e.lines, "\n  "))
}

// notFit are those of the hosts that preflight keeps out. The run has said why.
func (o *Operator) notFit(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		var bad *notFitError
		return !errors.As(o.fleet.Failed[name], &bad)
	})
}

// examination is of the hosts that are concerned.
func (o *Operator) examination(concerned func(preflight.Host) bool) examine.Input {
	return examine.Input{Inventory: o.Inventory, Fleet: o.fleet, Hosts: o.candidates(), Concerned: concerned,
		AllowUntestedOS: o.AllowUntestedOS, Ignore: o.IgnorePreflight, Now: o.Now}
}

// candidates are the hosts that answered, as preflight sees them.
func (o *Operator) candidates() []preflight.Host {
	known := &component.Cluster{Inventory: o.Inventory, Facts: o.fleet.Facts()}
	var hosts []preflight.Host
	for _, h := range o.fleet.Answered(o.Inventory) {
		hosts = append(hosts, preflight.Host{Host: h, Facts: known.Facts[h.Name], Ports: component.Ports(known, o.Components, h)})
	}
	return hosts
}
