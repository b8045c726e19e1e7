package examine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"provision/provision/component"
	"provision/provision/fleet"
	"provision/provision/identity"
	"provision/provision/internal/ssh"
	"provision/provision/preflight"
)

// Reader examines the hosts of an inventory and changes nothing.
type Reader struct {
	Fleet      *fleet.Fleet
	Components []component.Component
	// AllowUntestedOS takes hosts whose system is not in the table.
	AllowUntestedOS bool
	// Ignore are checks whose errors only warn.
	Ignore []string
}

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
func (rd *Reader) Preflight(ctx context.Context, full bool) (*Preflight, error) {
	began := rd.Fleet.Now()
	rd.Fleet.Dial(ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := &Preflight{Cluster: rd.Fleet.Inventory.Cluster.Name, Target: rd.Fleet.Target(), Hosts: len(rd.Fleet.Inventory.Hosts)}
	for _, h := range rd.Fleet.Inventory.Hosts {
		if err := rd.Fleet.Absent[h.Name].Why; err != nil {
			p.Findings = append(p.Findings, unreachable(h.Name, err))
		}
	}
	_, err := identity.Decide(rd.Fleet.Inventory, rd.Fleet.Owned())
	if errors.Is(err, identity.ErrForeign) {
		return nil, err // nothing is measured on another cluster's hosts
	}
	if err != nil && len(rd.Fleet.Absent) == 0 {
		p.Findings = append(p.Findings, preflight.Finding{Severity: preflight.Error, Check: preflight.Cluster, What: err.Error(),
			Why: "apply would refuse", Remedy: "see docs/operations.md"})
	}
	in := rd.Examination(func(preflight.Host) bool { return true })
	in.Full = full
	e := Run(ctx, in)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.Findings = preflight.Sorted(append(preflight.Soften(p.Findings, rd.Ignore), e.Findings...))
	p.Pairs, p.Connections = preflight.Pairs(e.Links), len(e.Links)
	p.Took = rd.Fleet.Now().Sub(began)
	return p, nil
}

// unreachable puts the error of a host that is skipped into a finding.
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

// Examination is of the hosts that are concerned.
func (rd *Reader) Examination(concerned func(preflight.Host) bool) Input {
	return Input{Inventory: rd.Fleet.Inventory, Fleet: rd.Fleet, Hosts: rd.Candidates(), Concerned: concerned,
		AllowUntestedOS: rd.AllowUntestedOS, Ignore: rd.Ignore, Now: rd.Fleet.Now}
}

// Candidates are the hosts that answered, as preflight sees them.
func (rd *Reader) Candidates() []preflight.Host {
	known := &component.Cluster{Inventory: rd.Fleet.Inventory, Components: rd.Components, Facts: rd.Fleet.Facts()}
	var hosts []preflight.Host
	for _, h := range rd.Fleet.Answered(rd.Fleet.Inventory) {
		hosts = append(hosts, preflight.Host{Host: h, Facts: known.Facts[h.Name], Ports: component.Ports(known, rd.Components, h), Checks: component.ChecksOf(known, h)})
	}
	return hosts
}
