package run

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"provision/provision/agent/api"
	"provision/provision/component"
	etcdcomponent "provision/provision/component/etcd"
	"provision/provision/desired"
	"provision/provision/plan"
	"provision/provision/resource"
	"provision/provision/resource/drain"
	"provision/provision/resource/uncordon"
	"provision/provision/resource/unit"
	"provision/provision/survey"
)

// Deadlines of gates. They bound a wait; nothing sleeps for them.
const (
	apiDeadline    = 3 * time.Minute
	nodesDeadline  = 5 * time.Minute
	healthDeadline = 2 * time.Minute
)

// Steps does the steps of one apply.
type Steps struct {
	o       *Runner
	survey  *survey.Survey
	epoch   uint64
	uploads *uploads
	// nodes are the hosts whose Nodes must be Ready in the end.
	nodes []string
	mu    sync.Mutex
	bad   map[string]bool // hosts on which a step failed
	worse chan struct{}   // closed when bad has one more
	// reverted are hosts that got their last settings back.
	reverted []string
	// forgotten are the hosts that the roster has lost in this run; its writes
	// come one after the other.
	roster    sync.Mutex
	forgotten []string
	slots     map[string]chan struct{}
	// drainedFor are, by host, the blobs that must be there before its drain.
	drainedFor map[string][]string
}

func NewSteps(o *Runner, seen *survey.Survey, epoch uint64, uploads *uploads, nodes []string) *Steps {
	s := &Steps{o: o, survey: seen, epoch: epoch, uploads: uploads, nodes: nodes,
		bad: map[string]bool{}, worse: make(chan struct{}), slots: map[string]chan struct{}{}}
	for name := range o.Fleet.Members {
		s.slots[name] = make(chan struct{}, perAgent)
	}
	return s
}

// Do does one step: the engine calls it when all that it requires is done.
func (s *Steps) Do(ctx context.Context, step plan.Step) error {
	s.o.Keys.Point("step " + step.Address.String())
	err := s.step(ctx, step)
	if err == nil {
		s.o.Keys.Point("done " + step.Address.String())
	} else {
		s.spoil(step.Address.Host)
	}
	return err
}

func (s *Steps) step(ctx context.Context, step plan.Step) error {
	a := step.Address
	switch {
	case a == plan.FormedAddress(s.o.Fleet.Inventory.Cluster.Name):
		id, err := s.o.API.EtcdID(ctx)
		if err != nil {
			return fmt.Errorf("asking etcd for its cluster id: %w", err)
		}
		return s.o.Keys.RememberEtcd(ctx, s.epoch, id)
	case a.Kind == plan.IsolationKind, a.Kind == plan.RebootsKind:
		return s.mark(ctx, a)
	case a.Kind == plan.RebootKind:
		return s.reboot(ctx, a.Host)
	case a.Kind == plan.RosterKind:
		return s.forget(ctx, a.Name)
	case a.Kind == plan.SnapshotKind:
		return s.snapshot(ctx, a)
	case a.Kind == plan.IdentityKind && step.Action == plan.Remove:
		return s.o.Keys.Depart(ctx, a.Host, s.epoch)
	case a.Kind == plan.IdentityKind && a.IsCluster():
		return s.o.Keys.Birth(ctx, s.epoch)
	case a.Kind == plan.IdentityKind:
		return s.join(ctx, a.Host)
	case a.Kind == desired.GateKind:
		return s.gate(ctx, a.Name)
	case a.Kind == plan.LedgerKind:
		return s.adopt(ctx)
	case step.Action == plan.Remove && a.IsCluster():
		env, err := s.o.API.Env(ctx)
		if err != nil {
			return err
		}
		return s.o.Surveyor.Ledger.Remove(ctx, env, a)
	case step.Action == plan.Remove:
		err := api.Remove.Do(ctx, s.o.Fleet.Members[a.Host].Agent, api.RemoveParams{Epoch: s.epoch, ID: a.ID()})
		return err
	}
	r, ok := s.survey.Graph.Get(a)
	if !ok {
		return fmt.Errorf("%s is in the plan but nobody wants it", a)
	}
	if a.IsCluster() {
		return s.object(ctx, r)
	}
	if err := s.uploads.wait(ctx, a.Host, r.Blobs); err != nil {
		return err
	}
	done, err := s.o.Keys.Signing.Expect(r)
	if err != nil {
		return err
	}
	defer done()
	keep := s.keeps(r)
	if len(keep) > 0 && s.wasReverted(a.Host) {
		return fmt.Errorf("%s is not changed: the other changes on %s do not work", a, a.Host)
	}
	change := func() error {
		slot := s.slots[a.Host]
		slot <- struct{}{}
		defer func() { <-slot }()
		err := api.Apply.Do(ctx, s.o.Fleet.Members[a.Host].Agent, api.ApplyParams{Epoch: s.epoch, Resource: r, Act: step.Act != "", RestartFor: causedByCluster(step), Keep: keep})
		return err
	}
	if s.tries(step, r) {
		return s.try(ctx, step, r, change)
	}
	if err = change(); err != nil || step.Act == "" && !loopingEtcd(step) {
		return err
	}
	return s.healthy(ctx, step, r)
}

// loopingEtcd reports whether a step starts an etcd that was found ending again
// and again. It tells systemd that it is ready even as it ends, so that a start
// proves nothing.
func loopingEtcd(step plan.Step) bool {
	return step.Address.Name == etcdcomponent.Unit && slices.ContainsFunc(step.Changes, func(c resource.Change) bool {
		return c.Field == unit.FieldActive && c.Old == "activating"
	})
}

// learns reports whether a step starts an etcd that joins: a learner never says
// that it is ready, and the step that makes it a voter waits for it.
func (s *Steps) learns(step plan.Step) bool {
	_, rejoins := etcdcomponent.KnownOf(s.survey.Cluster).Rejoining[step.Address.Host]
	return rejoins && step.Address.Name == etcdcomponent.Unit
}

// causedByCluster names the cluster-scoped resource because of which a unit
// restarts: its host knows nothing of that.
func causedByCluster(step plan.Step) string {
	for _, cause := range step.Causes {
		if cause.IsCluster() {
			return cause.String()
		}
	}
	return ""
}

// healthy waits, after a restart or reload, until the component says on that
// host that it works: the next host's turn comes only then.
func (s *Steps) healthy(ctx context.Context, step plan.Step, r resource.Resource) error {
	for _, c := range s.o.Surveyor.Components {
		gate := c.Gate()
		if c.Name() != r.Component {
			continue
		}
		if err := s.answers(ctx, step, r, gate); err != nil || s.learns(step) {
			return err
		}
		if err := s.passes(ctx, s.o.Fleet.Members[r.Address.Host], gate, healthDeadline); err != nil {
			return fmt.Errorf("%s was restarted and is not healthy: %w", r.Address.Name, err)
		}
	}
	return nil
}

// join is nothing in the run that gave birth: birth reached all hosts.
func (s *Steps) join(ctx context.Context, host string) error {
	if s.survey.Cluster.Identity.UUID == "" {
		return nil
	}
	return s.o.Keys.Join(ctx, host, s.epoch)
}

// forget takes a host off the roster: nothing of it is left.
func (s *Steps) forget(ctx context.Context, host string) error {
	s.roster.Lock()
	defer s.roster.Unlock()
	s.forgotten = append(s.forgotten, host)
	return s.o.writeRoster(ctx, s.survey, s.forgotten...)
}

func (s *Steps) object(ctx context.Context, r resource.Resource) error {
	switch r.Address.Kind {
	case drain.Name:
		if err := s.uploads.wait(ctx, r.Address.Name, s.drainedFor[r.Address.Name]); err != nil {
			return err
		}
	case uncordon.Name:
		if err := s.settled(ctx, r); err != nil {
			return err
		}
	}
	env, err := s.o.API.Env(ctx)
	if err != nil {
		return err
	}
	return s.o.Surveyor.Ledger.Apply(ctx, env, r)
}

// adopt records what is there already and not in the cluster's ledger.
func (s *Steps) adopt(ctx context.Context) error {
	env, err := s.o.API.Env(ctx)
	if err != nil {
		return err
	}
	var list []resource.Resource
	for _, a := range s.survey.Ledger.Adopt {
		if r, ok := s.survey.Graph.Get(a); ok {
			list = append(list, r)
		}
	}
	return s.o.Surveyor.Ledger.Record(ctx, env, list...)
}

func (s *Steps) gate(ctx context.Context, name string) error {
	if name == survey.GateServers {
		return s.serversReady(ctx)
	}
	if plan.IsWaveGate(name) {
		ctx, cancel := context.WithTimeout(ctx, apiDeadline)
		defer cancel()
		return s.o.API.Open(ctx)
	}
	at := slices.IndexFunc(s.survey.Graph.Gates, func(g desired.Gate) bool { return g.Address.Name == name })
	if at < 0 {
		return fmt.Errorf("gate %q is unknown", name)
	}
	gate := s.survey.Graph.Gates[at]
	if gate.Unchanged != nil {
		ctx, cancel := context.WithTimeout(ctx, healthDeadline)
		defer cancel()
		return s.unchanged(ctx, *gate.Unchanged)
	}
	switch gate.Proof {
	case component.APIOpen:
		ctx, cancel := context.WithTimeout(ctx, apiDeadline)
		defer cancel()
		return s.o.API.Open(ctx)
	case component.NodesReady:
		ctx, cancel := context.WithTimeout(ctx, nodesDeadline)
		defer cancel()
		return s.nodesReady(ctx)
	}
	return nil
}
