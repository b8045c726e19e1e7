package status

import (
	"context"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"provision/provision/authority"
	"provision/provision/checkup"
	"provision/provision/component/renewal"
	"provision/provision/facts"
	"provision/provision/fleet"
	"provision/provision/identity"
	"provision/provision/pki"
	"provision/provision/resource"
	"provision/provision/resource/cert"
	"provision/provision/resource/unit"
)

// States of certificates.
const (
	CertValid   = "valid"
	CertDue     = "due"     // in the part of its life in which it is renewed
	CertOverdue = "overdue" // whatever renews it has not, and time runs out
	CertEnded   = "ended"
	CertBad     = "bad" // missing, or no certificate
)

// Who renews a certificate.
const (
	ByKubelet = "kubelet"
	ByTimer   = "timer"
	ByApply   = "apply" // nobody does by itself
	ByRenew   = "certs renew"
	ByRotate  = "certs rotate-ca" // it is being replaced by another, or will replace it
)

// allHosts is the host of authorities that every host knows alike.
const allHosts = "all hosts"

// Certificate is one of a host, or an authority's.
type Certificate struct {
	Host string `json:"host"` // "all hosts" for an authority that all know alike
	Path string `json:"path,omitempty"`
	// Authority is its name when it is one: cluster, etcd, front-proxy.
	Authority string    `json:"authority,omitempty"`
	Subject   string    `json:"subject,omitempty"`
	Issuer    string    `json:"issuer,omitempty"`
	NotAfter  time.Time `json:"not_after,omitzero"`
	DaysLeft  int       `json:"days_left"`
	Renews    string    `json:"renews"` // by what: timer, kubelet, apply, certs renew
	State     string    `json:"state"`
	Error     string    `json:"error,omitempty"`
}

// Sound reports whether nobody needs to do anything about it.
func (c Certificate) Sound() bool { return c.State == CertValid || c.State == CertDue }

// Certificates are all of a cluster, or of some of its hosts.
type Certificates struct {
	Cluster      string        `json:"cluster"`
	UUID         string        `json:"uuid,omitempty"`
	Target       string        `json:"target"`
	Certificates []Certificate `json:"certificates"` // the one that ends first is first
	// Rotations are under way.
	Rotations []Turning `json:"rotations,omitempty"`
	// Silent are the hosts that could not be asked, and why.
	Silent map[string]string `json:"silent,omitempty"`
}

// Turning is a rotation that is under way.
type Turning struct {
	Name  string    `json:"name"`
	Phase string    `json:"phase"`
	Means string    `json:"means"` // the phase in a few words
	Since time.Time `json:"since"`
	// Until is when it can go on, if it waits.
	Until   time.Time `json:"until,omitzero"`
	Command string    `json:"command"` // that goes on
}

// Sound reports whether nobody needs to do anything.
func (c *Certificates) Sound() bool {
	return len(c.Silent) == 0 && !slices.ContainsFunc(c.Certificates, func(c Certificate) bool { return !c.Sound() })
}

// Certificates asks hosts, or all, for their certificates. It needs neither API
// nor etcd, and changes nothing.
func (rd *Reader) Certificates(ctx context.Context, hosts ...string) (*Certificates, error) {
	if err := rd.Fleet.Identify(ctx); err != nil {
		return nil, err
	}
	out := &Certificates{Cluster: rd.Fleet.Inventory.Cluster.Name, Target: rd.Fleet.Target(), Certificates: []Certificate{}, Silent: map[string]string{}}
	if rd.Fleet.Decision.Identity != nil {
		out.UUID = rd.Fleet.Decision.Identity.UUID
	}
	asked := func(name string) bool { return len(hosts) == 0 || slices.Contains(hosts, name) }
	expected := rd.Expect()
	maps.DeleteFunc(expected, func(name string, _ *checkup.Expectation) bool { return !asked(name) })
	look := rd.Checkups(false)
	look.Compare = nil // that may ask the API
	checked := look.All(ctx, rd.Fleet, expected)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var ahead []time.Duration
	for _, h := range rd.Fleet.Inventory.Hosts {
		c := checked[h.Name]
		switch {
		case !asked(h.Name):
		case rd.Fleet.Absent[h.Name].Why != nil:
			out.Silent[h.Name] = rd.Fleet.Absent[h.Name].Why.Error()
		case c == nil:
			out.Silent[h.Name] = "it was not asked"
		case c.Err != nil:
			out.Silent[h.Name] = c.Err.Error()
		default:
			ahead = append(ahead, c.Skew)
			out.Certificates = append(out.Certificates, leaves(rd.Fleet.Members[h.Name], expected[h.Name], c)...)
		}
	}
	now := rd.Fleet.Now().Add(facts.Middle(ahead))
	out.Certificates = append(out.Certificates, rd.authorities(asked, now)...)
	out.Rotations = rd.turnings(now)
	slices.SortStableFunc(out.Certificates, func(a, b Certificate) int { return a.NotAfter.Compare(b.NotAfter) })
	return out, nil
}

// leaves are a host's own, by its own clock.
func leaves(m *fleet.Member, e *checkup.Expectation, c *checkup.Checkup) []Certificate {
	var list []Certificate
	for _, found := range c.Health.Certs {
		spec := e.Certs[found.Path]
		one := Certificate{Host: m.Host.Name, Path: found.Path, Subject: found.Subject, Issuer: found.Issuer,
			NotAfter: found.NotAfter, Error: found.Error, Renews: renews(m, spec)}
		if found.Error != "" {
			one.State = CertBad
		} else {
			one.judge(c.Health.Clock, spec.RenewBefore)
		}
		list = append(list, one)
	}
	return list
}

// judge says how a certificate stands that is renewed some time before its end.
func (c *Certificate) judge(now time.Time, before time.Duration) {
	left := c.NotAfter.Sub(now)
	c.DaysLeft = int(math.Floor(left.Hours() / 24))
	switch {
	case left <= 0:
		c.State = CertEnded
	case left < before/4:
		c.State = CertOverdue
	case left < before:
		c.State = CertDue
	default:
		c.State = CertValid
	}
}

// renews is who renews a certificate of a host: its timer, if an authority's key
// is on the host or on those that sign for others.
func renews(m *fleet.Member, spec cert.Spec) string {
	timer := resource.Address{Kind: unit.Kind, Name: renewal.Timer}.ID()
	switch {
	case spec.Adopt:
		return ByKubelet
	case !slices.ContainsFunc(m.Facts.Owned.Resources, func(r facts.Resource) bool { return r.ID == timer }):
		return ByApply
	case cert.Signer(spec.CA) != "", slices.Contains(identity.Items(m.Host), spec.CA+".key"):
		return ByTimer
	}
	return ByApply
}

// authorities are those that the ledgers of hosts know: one row each when all
// agree, which they do but for a renewal that was interrupted.
func (rd *Reader) authorities(asked func(string) bool, now time.Time) []Certificate {
	type known struct{ name, text string }
	hosts := map[known][]string{}
	for _, name := range rd.Fleet.Names() {
		owned := rd.Fleet.Members[name].Facts.Owned.Identity
		if owned == nil || !asked(name) {
			continue
		}
		for ca, text := range owned.CAs {
			hosts[known{ca, text}] = append(hosts[known{ca, text}], name)
		}
	}
	versions := map[string]int{}
	for k := range hosts {
		versions[k.name]++
	}
	var list []Certificate
	for k, names := range hosts {
		one := Certificate{Host: allHosts, Authority: k.name, Renews: ByRenew}
		if versions[k.name] > 1 {
			one.Host = strings.Join(names, ",")
		}
		for i, parsed := range pki.ParseCerts([]byte(k.text)) {
			each := one
			if i > 0 { // the first signs, the others are only trusted
				each.Renews = ByRotate
			}
			each.Subject, each.Issuer, each.NotAfter = parsed.Subject.String(), parsed.Issuer.String(), parsed.NotAfter.UTC()
			each.judge(now, rd.Keys.RenewedBefore())
			list = append(list, each)
		}
	}
	slices.SortStableFunc(list, func(a, b Certificate) int { return strings.Compare(a.Authority+a.Host, b.Authority+b.Host) })
	return list
}

// turnings are the rotations that are under way, by name.
func (rd *Reader) turnings(now time.Time) []Turning {
	if rd.Fleet.Decision.Identity == nil {
		return nil
	}
	var list []Turning
	items := identity.Rotatable()
	for _, name := range slices.Sorted(maps.Keys(items)) {
		turn := rd.Keys.Turn(items[name])
		if turn.Phase == "" {
			continue
		}
		verb := "rotate-key "
		if items[name] == name+".key" {
			verb = "rotate-ca "
		}
		one := Turning{Name: name, Phase: turn.Phase, Means: authority.PhaseMeans(turn.Phase), Since: turn.Since, Command: "provision certs " + verb + name}
		_, one.Until = identity.Next(items[name], turn, now, false)
		list = append(list, one)
	}
	return list
}
