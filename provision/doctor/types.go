package doctor

import (
	"time"

	"provision/provision/agent/api"
	"provision/provision/component"
	"provision/provision/etcd"
	"provision/provision/facts"
	"provision/provision/kube"
)

// Input is what is known. Hosts are in the inventory's order.
type Input struct {
	// Authorities are those that have ended, or are due for renewal.
	Authorities []Authority
	Hosts       []Host
	// Founded is set when the cluster has an identity.
	Founded bool
	// Conflict says why the hosts do not add up to one cluster; "" when they do.
	Conflict string
	Etcd     []etcd.MemberStatus
	// EtcdCluster is the id of the etcd cluster that was recorded; hex, "" while
	// none was.
	EtcdCluster string
	Nodes       []kube.NodeStatus
	// Leaving are hosts of the cluster that are not in the inventory any more.
	Leaving []string
	// Backups say what is wrong with the backups of etcd.
	Backups []string
	// EtcdError and APIError say why they could not be asked.
	EtcdError, APIError string
	// API, Member and Proxy are the units of an API server, of an etcd member and
	// of kube-proxy.
	API, Member, Proxy string
}

// Host is what is known of a host.
type Host struct {
	Name string
	// Master, Etcd and Joins say what the host is: a master, an etcd host, a
	// Node (which masters are, too).
	Master, Etcd, Joins bool
	// PeerURL is where an etcd host's member is reached by the others. EtcdData
	// says whose data it has, if that can be told; NoEtcdData that it has none.
	PeerURL    string
	EtcdData   *facts.EtcdData
	NoEtcdData bool
	// Error says why the host did not answer.
	Error string
	// New is set while no ledger is there.
	New bool
	// Wants are the units that the host's roles require, each after those that
	// it needs.
	Wants []Want
	// Folders are those that its components fill.
	Folders []component.Folder
	// Certs are the wanted certificates by path.
	Certs    map[string]time.Duration // how long before its end each is renewed
	Drift    []Drift
	Probes   []Probe
	Restarts map[string]facts.Restart
	// Silent are the units that take connections and say nothing.
	Silent []string
	// Relays are the units that answer only while the API does.
	Relays []string
	// Unmade are the units that no apply has brought up yet.
	Unmade []string
	// Reaches and Cut say that the host reaches an API server, or none: both
	// are unset when it was not tried.
	Reaches, Cut bool
	// NoService: all API servers take connections from the host, but the address
	// of their service does not.
	NoService bool
	Health    api.HealthResult
	// Skew is how far the host's clock is ahead of the operator's, and Doubt
	// how far that may be wrong.
	Skew, Doubt time.Duration
	// Swap is set when swap must be off.
	NoSwap bool
}

// Authority is one that needs another certificate.
type Authority struct {
	Name     string
	NotAfter time.Time
	Ended    bool
}

// Want is a unit that must run.
type Want struct {
	// Routes: it gives the host one route to the pods of every other.
	Routes          bool
	Unit, Component string
	Needs           []string // units of the same host
}

// Drift is a resource that is not as provision wants it.
type Drift struct {
	Address string   // KIND["NAME"]
	Text    string   // the changes, for people
	Units   []string // those that use it
	// Missing is set when it was there once and is gone.
	Missing bool
	// Unreadable is set when it is there, but not even its owner may read it.
	Unreadable bool
}

// Probe is a URL that was asked on the host.
type Probe struct {
	Unit  string // whose URL it is
	URL   string
	Error string // "" when it answered 200
}

// Level tells problems from what is only worth knowing.
type Level string

// The levels.
const (
	Problem Level = "problem"
	Note    Level = "note"
)

// Finding is one thing that is wrong.
type Finding struct {
	ID    string `json:"id"` // HOST/SUBJECT/WHAT: stable from run to run
	Level Level  `json:"level"`
	Host  string `json:"host"` // "cluster" when it is of no host
	Unit  string `json:"unit,omitempty"`
	// What is one word for programs: unreachable, not-set-up, missing, masked,
	// stopped, failed, restarting, starting, not-enabled, not-ready, silent,
	// lost, changed, drop-in, no-api, no-services, no-routes, disk-full, read-only, certificate, clock, swap, memory,
	// pending-restart, locked, identity, etcd-quorum, etcd-member, etcd-removed,
	// etcd-lost, etcd-foreign, etcd-backup, api, node-not-ready, cordoned.
	What    string `json:"what"`
	Summary string `json:"summary"`
	// Cause is the likely one; "" when nothing tells.
	Cause string `json:"cause,omitempty"`
	// Because are the findings that this one probably follows from.
	Because []string `json:"because,omitempty"`
	// Taken is who has the port that the unit needs.
	Taken *api.Listener `json:"taken,omitempty"`
	// Changed are the unit's inputs that are not as provision wants them.
	Changed []string `json:"changed,omitempty"`
	Log     []string `json:"log,omitempty"` // last lines
	// First is what a person has to do on the host, if anything.
	First string `json:"first,omitempty"`
	// Fix is the command that fixes it, as arguments of provision.
	Fix []string `json:"fix,omitempty"`

	strong bool // the cause is on the host itself
	order  int
}

// ClusterHost is the host of findings that are of no host.
const ClusterHost = "cluster"
