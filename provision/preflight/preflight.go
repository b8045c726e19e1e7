package preflight

import (
	"slices"
	"strings"
	"time"

	"provision/provision/agent/api"
	"provision/provision/component"
	"provision/provision/facts"
	"provision/provision/inventory"
)

// Severity says whether a host may go on.
type Severity string

// The severities. An error keeps a host out of an apply.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// The checks, as findings and --ignore-preflight name them.
const (
	SSH       = "ssh"
	Cluster   = "cluster"
	OS        = "os"
	Arch      = "arch"
	Init      = "init"
	Disk      = "disk"
	Memory    = "memory"
	CPU       = "cpu"
	Clock     = "clock"
	MachineID = "machine-id"
	Hostname  = "hostname"
	Address   = "address"
	Port      = "port"
	Cgroup    = "cgroup"
	Module    = "module"
	Swap      = "swap"
	Firewall  = "firewall"
	Latency   = "latency"
	Reach     = "reach"
	MTU       = "mtu"
	Agent     = "agent" // a measurement failed
)

// Checks lists the names of all checks, in the order of findings of a host.
func Checks() []string {
	return []string{SSH, Cluster, OS, Arch, Init, Disk, Memory, CPU, Clock, MachineID, Hostname, Address, Port,
		Cgroup, Module, Swap, Firewall, Latency, Reach, MTU, Agent}
}

// Finding is something that is not as it should be.
type Finding struct {
	Severity Severity `json:"severity"`
	Host     string   `json:"host,omitempty"` // "" concerns the cluster
	Check    string   `json:"check"`
	What     string   `json:"what"`
	Why      string   `json:"why,omitempty"` // what goes wrong because of it
	Remedy   string   `json:"remedy"`
}

// String is the finding as one line, without its host.
func (f Finding) String() string {
	text := f.What
	if f.Why != "" {
		text += " (" + f.Why + ")"
	}
	return text + "; " + f.Remedy
}

// Host is what is known of one host.
type Host struct {
	inventory.Host
	Facts facts.Host
	// Ports are what components listen on.
	Ports []component.Port
	// Checks are what components want looked at.
	Checks component.Checks
	// Found and Latency are nil where they were not measured.
	Found   *api.InspectResult
	Latency *api.LatencyResult
	Clock   *Offset
}

// Offset is how far a clock is ahead of the operator's.
type Offset struct {
	By  time.Duration
	Err time.Duration // half the round trip: it may be off by this
}

// Owns reports whether provision has put the unit on the host.
func (h Host) Owns(unit string) bool {
	id := component.UnitAt("", unit).ID()
	return slices.ContainsFunc(h.Facts.Owned.Resources, func(r facts.Resource) bool { return r.ID == id })
}

// New reports whether the host is not yet what its roles say: not in a ledger,
// or without one of the units that listen there.
func (h Host) New() bool {
	return h.Facts.Owned.Identity == nil || slices.ContainsFunc(h.Ports, func(p component.Port) bool { return !h.Owns(p.Unit) })
}

// Begun reports whether an apply has begun on the host: it holds part of what a
// new one lacks, and some of its services may not run yet.
func (h Host) Begun() bool { return h.Facts.Owned.Identity != nil }

// Input is what Judge judges.
type Input struct {
	Inventory       *inventory.Inventory
	AllowUntestedOS bool
	Hosts           []Host // those that answered
	Links           []Link // what was tried host to host
	// Ignore lists checks whose errors are but warnings; "all" for all.
	Ignore []string
}

// Judge lists what is wrong, by host.
func Judge(in Input) []Finding {
	var list []Finding
	for _, h := range in.Hosts {
		list = append(list, in.system(h)...)
		if h.Found != nil {
			list = append(list, in.resources(h)...)
			list = append(list, in.kernel(h)...)
			list = append(list, in.ports(h)...)
			list = append(list, in.firewall(h)...)
		}
		list = append(list, latency(h)...)
	}
	list = append(list, in.clocks()...)
	list = append(list, in.unique()...)
	list = append(list, in.network()...)
	return Sorted(Soften(list, in.Ignore))
}

// Soften turns errors of ignored checks into warnings.
func Soften(list []Finding, ignore []string) []Finding {
	for i, f := range list {
		if f.Severity == Error && (slices.Contains(ignore, f.Check) || slices.Contains(ignore, "all")) {
			list[i].Severity = Warning
		}
	}
	return list
}

// Sorted orders findings by host, errors first, then by check.
func Sorted(list []Finding) []Finding {
	order := Checks()
	slices.SortStableFunc(list, func(a, b Finding) int {
		if a.Host != b.Host {
			return strings.Compare(a.Host, b.Host)
		}
		if a.Severity != b.Severity {
			return strings.Compare(string(a.Severity), string(b.Severity))
		}
		return slices.Index(order, a.Check) - slices.Index(order, b.Check)
	})
	return list
}

// Refused are the errors of a host.
func Refused(list []Finding, host string) []Finding {
	var bad []Finding
	for _, f := range list {
		if f.Host == host && f.Severity == Error {
			bad = append(bad, f)
		}
	}
	return bad
}
