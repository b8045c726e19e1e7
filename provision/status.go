package provision

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sort"
	"sync"

	"provision/provision/checkup"
	"provision/provision/etcd"
	"provision/provision/identity"
	"provision/provision/inventory"
	"provision/provision/kube"
	"provision/provision/removal"
)

// Status is a cluster at a glance.
type Status struct {
	Cluster string              `json:"cluster"`
	UUID    string              `json:"uuid,omitempty"`
	Target  string              `json:"target"`
	Version string              `json:"version,omitempty"` // of the API server that answered
	Hosts   []HostStatus        `json:"hosts"`
	Etcd    []etcd.MemberStatus `json:"etcd,omitempty"`
	// Leaving are hosts of the cluster that are not in the inventory any more.
	Leaving []string `json:"leaving,omitempty"`
	// APIError and EtcdError say why they could not be asked.
	APIError  string `json:"api_error,omitempty"`
	EtcdError string `json:"etcd_error,omitempty"`
}

// Healthy reports whether everything that was asked is well.
func (s *Status) Healthy() bool {
	if s.APIError != "" || s.EtcdError != "" {
		return false
	}
	for _, h := range s.Hosts {
		if h.Error != "" || len(h.PendingRestarts) > 0 || h.Node != nil && !h.Node.Ready || !h.Running() || !h.certain() {
			return false
		}
	}
	for _, m := range s.Etcd {
		if !m.Healthy {
			return false
		}
	}
	return true
}

// Status asks hosts, etcd and the API. Nothing is changed.
func (o *Operator) Status(ctx context.Context) (*Status, error) {
	if err := o.identify(ctx); err != nil {
		return nil, err
	}
	s := &Status{Cluster: o.Inventory.Cluster.Name, Target: o.Target(), Leaving: removal.Of(slices.Collect(maps.Values(o.fleet.Known())), o.Inventory).Leavers()}
	if o.decision.Identity == nil {
		s.APIError = "there is no cluster yet; make it with: provision apply"
	} else {
		s.UUID = o.decision.Identity.UUID
	}
	expected := o.expect()
	var told answers
	var checked map[string]*checkup.Checkup
	var all sync.WaitGroup
	all.Go(func() { checked = o.checkups(false).All(ctx, o.fleet, expected) })
	if o.decision.Identity != nil {
		all.Go(func() { told = ask(ctx, o.api) })
	}
	all.Wait()
	if o.decision.Identity != nil {
		s.Version, s.Etcd, s.APIError, s.EtcdError = told.version, told.etcd, told.apiError, told.etcdError
	}
	known := knownVersions()
	roster := o.fleet.Known()
	for _, h := range o.Inventory.Hosts {
		status := o.hostStatus(h, told.nodes)
		status.Isolated = roster[h.Name].Isolated
		if mark := roster[h.Name].Reboot; mark != nil {
			status.Rebooting = mark.Since
		}
		if c := checked[h.Name]; c != nil && c.Err == nil {
			status.fill(expected[h.Name], c, known)
			status.silence(expected[h.Name].Silent(c.Health.Silent, s.APIError == ""))
		} else if c != nil {
			status.Error = c.Err.Error()
		}
		s.Hosts = append(s.Hosts, status)
	}
	return s, ctx.Err()
}

// identify connects and finds out which cluster the hosts belong to.
func (o *Operator) identify(ctx context.Context) error {
	o.dial(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(o.fleet.Members) == 0 {
		return o.nobody()
	}
	o.strangers()
	decision, err := identity.Decide(o.Inventory, o.fleet.Owned())
	if err != nil {
		return err
	}
	o.decision = decision
	return nil
}

// answers are what a cluster's APIs told of it.
type answers struct {
	version   string
	nodes     map[string]kube.NodeStatus
	etcd      []etcd.MemberStatus
	apiError  string
	etcdError string
}

// ask asks both APIs at once.
func ask(ctx context.Context, api API) answers {
	ctx, cancel := context.WithTimeout(ctx, reachBudget)
	defer cancel()
	a := answers{nodes: map[string]kube.NodeStatus{}}
	var all sync.WaitGroup
	all.Go(func() {
		known, err := api.Status(ctx)
		if err != nil {
			a.apiError = err.Error()
			return
		}
		a.version = known.Version
		for _, n := range known.Nodes {
			a.nodes[n.Name] = n
		}
	})
	all.Go(func() {
		members, err := api.EtcdStatus(ctx)
		if a.etcd = members; err != nil {
			a.etcdError = err.Error()
		}
	})
	all.Wait()
	return a
}

func (o *Operator) hostStatus(h inventory.Host, nodes map[string]kube.NodeStatus) HostStatus {
	status := HostStatus{Name: h.Name, Address: h.Address.String(), Roles: h.Roles}
	if err := o.fleet.Failed[h.Name]; err != nil {
		status.Error = err.Error()
	}
	if m := o.fleet.Members[h.Name]; m != nil {
		status.OS, status.Kernel, status.NeedsBoot = m.Facts.OS.Name, m.Facts.Kernel, m.Facts.NeedsBoot
		for unit := range m.Facts.Owned.Restarts {
			status.PendingRestarts = append(status.PendingRestarts, unit)
		}
		sort.Strings(status.PendingRestarts)
	}
	if n, ok := nodes[h.Name]; ok {
		status.Node = &n
	}
	return status
}

// Access is how kubectl reaches the cluster for an hour.
type Access struct {
	Server      string // host:port of a master that answered
	Credentials Credentials
	// Dial reaches the first API server that takes a connection, through the
	// sessions with agents.
	Dial func(ctx context.Context) (net.Conn, error)
	// Lost waits until the sessions with all masters have ended, and says why:
	// from then on Dial cannot succeed. It returns nil when ctx ends first.
	Lost func(ctx context.Context) error
}

// Access makes credentials for the operator.
func (o *Operator) Access(ctx context.Context) (*Access, error) {
	if err := o.identify(ctx); err != nil {
		return nil, err
	}
	if o.decision.Identity == nil {
		return nil, fmt.Errorf("cannot give access to cluster %q: there is none yet; make it with: provision apply", o.Inventory.Cluster.Name)
	}
	credentials, err := o.issueAdmin(ctx)
	if err != nil {
		return nil, err
	}
	servers := o.apiServers()
	if len(servers) == 0 {
		return nil, fmt.Errorf("cannot give access to cluster %q: no master answered", o.Inventory.Cluster.Name)
	}
	return &Access{Server: servers[0], Credentials: credentials, Dial: o.dialAny, Lost: o.mastersLost}, nil
}

// mastersLost waits for the end of the sessions with all masters.
func (o *Operator) mastersLost(ctx context.Context) error {
	var why []error
	for _, m := range o.masters() {
		select {
		case <-m.Agent.Done():
			why = append(why, m.Agent.Err())
		case <-ctx.Done():
			return nil
		}
	}
	err := fmt.Errorf("the sessions with all masters of cluster %q have ended", o.Inventory.Cluster.Name)
	return errors.Join(append([]error{err}, why...)...)
}

// dialAny reaches the first API server that takes a connection.
func (o *Operator) dialAny(ctx context.Context) (net.Conn, error) {
	var last error
	for _, server := range o.apiServers() {
		conn, err := o.dialVia(ctx, "tcp", server)
		if err == nil {
			return conn, nil
		}
		last = err
	}
	return nil, fmt.Errorf("reaching an API server: %w", last)
}
