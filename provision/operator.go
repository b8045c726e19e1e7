package provision

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"

	"provision/addons"
	"provision/provision/cluster"
	"provision/provision/clusterledger"
	"provision/provision/component"
	"provision/provision/event"
	"provision/provision/fleet"
	"provision/provision/identity"
	"provision/provision/internal/killpoint"
	"provision/provision/internal/system"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/secret"
	"provision/provision/signing"
)

// Options are what an Operator works with. cmd/provision fills them in.
type Options struct {
	Inventory  *inventory.Inventory
	Store      Store
	Connector  fleet.Connector
	Components []component.Component
	Addons     []addons.Addon
	// ClusterKinds is the catalogue of kinds that act on the cluster; those that
	// act on hosts are the agents'.
	ClusterKinds map[string]resource.Kind[*cluster.Env]
	// API replaces the cluster's own APIs; nil reaches them through the hosts.
	API API
	// Lab is the name of the lab acted on, "" for the real hosts.
	Lab string
	// Holder names this operator to others: user@machine.
	Holder string
	// Operation is what the history calls this run.
	Operation Operation
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
	// AllowMinority changes a cluster although most masters and etcd hosts take
	// no part.
	AllowMinority bool
	// Targets limits plan and apply to these addresses, or hosts, and what
	// they require.
	Targets []string
	// Task is what the run is about; nil makes hosts what the inventory says.
	Task Task
	// Impatience is after how long a run says for which hosts it waits; 0: 10 s.
	Impatience time.Duration
	// LockPatience is how long a run waits for locks that should be free soon; 0:
	// 30 s.
	LockPatience time.Duration
	// Point is called at each named kill point, for crash tests. Never nil
	// after New.
	Point func(name string)
}

// Operator is one run over a cluster's hosts.
type Operator struct {
	Options
	fleet       *fleet.Fleet
	decision    identity.Decision
	digestKey   secret.Value // see learnDigestKey
	signing     signing.Expected
	lostMembers map[string]string // etcd hosts whose data are lost → id of their member
	access      *access
	leavers     sync.Mutex // guards the next two, while leaving hosts are dialled
	leaving     map[string]departure
	silent      map[string]error // hosts that left the inventory and do not answer
	resetting   map[string]inventory.Host
	progress    Progress
	// rosterWritten is when this run wrote the roster last.
	rosterWritten time.Time
	held          *holding
	// aside are hosts that answered but cannot be worked on, and why.
	aside map[string]error
	// forgotten are hosts that left the inventory, do not answer and never will.
	forgotten []string
	queue     queue // for locks
	api       API
	// ledger is the cluster's.
	ledger *clusterledger.Store
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
		options.Task = Converge{}
	}
	o := &Operator{Options: options, fleet: fleet.New(), progress: Progress{done: map[resource.Address]bool{}},
		forgotten: options.Task.Scope().Forgotten, ledger: clusterledger.New(options.ClusterKinds, options.Point)}
	o.takeOut(options.Task.Scope().Resets)
	o.access = newAccess(o)
	if o.api = options.API; o.api == nil {
		o.api = o.access
	}
	return o
}

// Close ends all sessions.
func (o *Operator) Close() error {
	o.access.close()
	o.fleet.Close()
	return o.Connector.Close()
}

// Target names what is acted on, for headers and consent.
func (o *Operator) Target() string {
	if o.Lab != "" {
		return fmt.Sprintf("lab %q", o.Lab)
	}
	return "the real hosts"
}

func (o *Operator) emit(e event.Event) {
	e.Time = o.Now()
	o.Sink(e)
}

// signFor answers the requests of one host's agent.
func (o *Operator) signFor(host inventory.Host) fleet.SignFunc {
	return func(ctx context.Context, request system.SignRequest) ([]byte, error) {
		if err := o.signing.Check(host.Name, request); err != nil {
			return nil, err
		}
		return o.sign(ctx, request)
	}
}

// sign has a certificate signed by a host that holds the key of its CA. The
// key never leaves that host.
func (o *Operator) sign(ctx context.Context, request system.SignRequest) ([]byte, error) {
	item := request.CA + ".key"
	var tried []string
	for _, name := range o.holders(item) {
		m := o.fleet.Members[name]
		if m == nil {
			continue
		}
		signed, err := m.Agent.Sign(ctx, request)
		if err == nil {
			return signed, nil
		}
		tried = append(tried, name+": "+err.Error())
	}
	if len(tried) == 0 {
		return nil, fmt.Errorf("cannot sign a certificate of CA %q: no host that holds its key answered", request.CA)
	}
	return nil, errors.New("cannot sign a certificate of CA " + request.CA + ":\n" + strings.Join(tried, "\n"))
}

func (o *Operator) holders(item string) []string {
	holders := append([]string(nil), o.decision.Holders[item]...)
	sort.Strings(holders)
	return holders
}
