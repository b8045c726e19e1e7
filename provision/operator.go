package provision

import (
	"time"

	"provision/addons"
	"provision/provision/access"
	"provision/provision/authority"
	"provision/provision/cluster"
	"provision/provision/clusterledger"
	"provision/provision/component"
	"provision/provision/event"
	"provision/provision/fleet"
	"provision/provision/internal/killpoint"
	"provision/provision/inventory"
	"provision/provision/lock"
	"provision/provision/resource"
	"provision/provision/run"
	"provision/provision/survey"
)

// Options are what an Operator works with. cmd/provision fills them in.
type Options struct {
	Inventory  *inventory.Inventory
	Store      survey.Store
	Connector  fleet.Connector
	Components []component.Component
	Addons     []addons.Addon
	// ClusterKinds is the catalogue of kinds that act on the cluster; those that
	// act on hosts are the agents'.
	ClusterKinds map[string]resource.Kind[*cluster.Env]
	// API replaces the cluster's own APIs; nil reaches them through the hosts.
	API access.API
	// Lab is the name of the lab acted on, "" for the real hosts.
	Lab string
	// Holder names this operator to others: user@machine.
	Holder string
	// Operation is what the history calls this run.
	Operation run.Operation
	Sink      event.Sink
	Now       func() time.Time
	// AllowUntestedOS takes hosts whose system is not in the table.
	AllowUntestedOS bool
	// IgnorePreflight are checks of hosts that join whose errors only warn; "all"
	// leaves the checks out.
	IgnorePreflight []string
	// AllowRemovals is how many hosts Apply may take away from the cluster, or
	// from a role, when it is more than one or a role's last.
	AllowRemovals int
	// AllowMinority changes a cluster although most masters and etcd hosts are skipped.
	AllowMinority bool
	// Targets limits plan and apply to these addresses, or hosts, and what they require.
	Targets []string
	// Task is what the run is about; nil makes hosts what the inventory says.
	Task survey.Task
	// Impatience is after how long a run says for which hosts it waits (0: 10 s),
	// LockPatience how long it waits for locks that should be free soon (30 s), Steady
	// how long a unit must run with new settings before they count as good (5 s).
	Impatience, LockPatience, Steady time.Duration
	// Point is called at each named kill point, for crash tests. Never nil after New.
	Point func(name string)
}

// Operator is one run over a cluster's hosts. Each part of what it knows has one
// owner.
type Operator struct {
	Options
	fleet    *fleet.Fleet     // who takes part
	keys     *authority.Keys  // the cluster's identity on hosts
	lock     *lock.Lock       // of the hosts that the run changes
	access   *access.Cluster  // the way to the cluster's APIs,
	api      access.API       // and what is asked there: access, unless tests replace it
	surveyor *survey.Surveyor // what is wanted, what differs, the plan
	runner   *run.Runner      // executes it
}

// New checks options and returns an Operator. Close it.
func New(options Options) *Operator {
	if options.Point == nil {
		options.Point = killpoint.Operator()
	}
	if options.Point == nil {
		options.Point = func(string) {}
	}
	if options.Task == nil {
		options.Task = survey.Converge{}
	}
	scope := options.Task.Scope()
	keys := &authority.Keys{Point: options.Point}
	keys.Fleet = fleet.New(fleet.Options{Inventory: options.Inventory, Components: options.Components, Connector: options.Connector, Lab: options.Lab, Sink: options.Sink,
		Now: options.Now, Impatience: options.Impatience, SignFor: keys.SignFor, Forgotten: scope.Forgotten})
	keys.Fleet.TakeOut(scope.Resets)
	o := &Operator{Options: options, fleet: keys.Fleet, keys: keys,
		lock:   &lock.Lock{Fleet: keys.Fleet, Holder: options.Holder, AllowMinority: options.AllowMinority, Patience: options.LockPatience},
		access: &access.Cluster{Fleet: keys.Fleet, Keys: keys, Holder: options.Holder}}
	if o.api = options.API; o.api == nil {
		o.api = o.access
	}
	o.surveyor = &survey.Surveyor{Fleet: o.fleet, Keys: keys, API: o.api, Store: options.Store, Components: options.Components, Addons: options.Addons,
		ClusterKinds: options.ClusterKinds, Task: options.Task, Targets: options.Targets,
		Ledger: clusterledger.New(options.ClusterKinds, options.Point), AllowUntestedOS: options.AllowUntestedOS, IgnorePreflight: options.IgnorePreflight}
	o.runner = run.New(o.surveyor, o.lock, options.Operation, options.Steady)
	return o
}

// Target names what is acted on, for headers and consent.
func (o *Operator) Target() string { return o.fleet.Target() }

// Close ends all sessions.
func (o *Operator) Close() error {
	o.access.Close()
	o.fleet.Close()
	return o.fleet.Connector.Close()
}
