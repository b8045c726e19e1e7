package survey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"provision/addons"
	"provision/provision/access"
	"provision/provision/agent/api"
	"provision/provision/authority"
	"provision/provision/cluster"
	"provision/provision/clusterledger"
	"provision/provision/component"
	"provision/provision/desired"
	"provision/provision/event"
	"provision/provision/fleet"
	"provision/provision/identity"
	"provision/provision/kube"
	"provision/provision/osfacts"
	"provision/provision/ownimages"
	"provision/provision/plan"
	"provision/provision/resource"
	"provision/provision/secret"
	"provision/provision/upgrade"
)

// Survey is what is known before anything changes.
type Survey struct {
	Cluster *component.Cluster
	Graph   *desired.Graph
	Hosts   map[string]plan.Observed
	Objects map[resource.Address]plan.ClusterObserved
	warn    []string
	// reformed is set when etcd is not the one that the ledgers know.
	reformed *identity.Reformed
	// dark is set by darkness.
	dark bool
	// installed are the programs of the hosts, and hops the way from there to
	// what the inventory wants, this run's first.
	installed installed
	Hops      []upgrade.Hop
	// ledger is what the cluster's ledger says, and ledgerErr why that is not known.
	Ledger    plan.Ledger
	ledgerErr error
	// unreached says why the API of an existing cluster does not answer.
	unreached error
}

// Surveyor looks at hosts and cluster for one run.
type Surveyor struct {
	Fleet *fleet.Fleet
	Keys  *authority.Keys
	API   access.API
	// What may be wanted.
	Store        Store
	Components   []component.Component
	Addons       []addons.Addon
	ClusterKinds map[string]resource.Kind[*cluster.Env]
	// Task is what the run is about, Targets the addresses that it is limited to.
	Task    Task
	Targets []string
	// AllowUntestedOS takes hosts whose system is not in the table.
	AllowUntestedOS bool
	// IgnorePreflight are checks of hosts that join whose errors only warn; "all"
	// leaves the checks out.
	IgnorePreflight []string

	// Ledger is the cluster's: what of it is provision's.
	Ledger *clusterledger.Store
}

// phases are what a look consists of, in order. Each may refuse the run, or leave
// hosts out of it; none changes anything.
func (sv *Surveyor) phases() []func(context.Context, *Survey) error {
	return []func(context.Context, *Survey) error{
		sv.identify,       // who answers, and which cluster that is
		sv.leavers,        // who leaves it, or loses roles in it
		sv.check,          // what the task refuses
		sv.safe,           // what would break a running cluster
		sv.supported,      // systems that nobody tried
		sv.admit,          // hosts that join and are not fit
		sv.learnInstalled, // versions, and the hops from there
		sv.want,           // the graph of what is wanted
		sv.compareAll,     // what differs: on hosts, in etcd, in the API
		sv.darkness,       // whether anything can be healthy before all are
		sv.loseSilent,     // hosts that could not compare
	}
}

// Look goes through all phases.
func (sv *Surveyor) Look(ctx context.Context) (*Survey, error) {
	s := &Survey{}
	for _, phase := range sv.phases() {
		if err := phase(ctx, s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (sv *Surveyor) identify(ctx context.Context, _ *Survey) error {
	sv.Fleet.Emit(event.Event{Type: event.PhaseStarted, Text: "Connecting to " + event.Count(len(sv.Fleet.Inventory.Hosts), "host")})
	return sv.Fleet.Identify(ctx)
}

func (sv *Surveyor) leavers(ctx context.Context, s *Survey) error {
	sv.Fleet.DialLeavers(ctx)
	sv.Fleet.LoseRoles()
	s.warn = append(s.warn, sv.Keys.Ending()...)
	return nil
}

func (sv *Surveyor) check(ctx context.Context, _ *Survey) error {
	if err := sv.unrestored(); err != nil {
		return err
	}
	return sv.Task.Check(ctx, sv)
}

func (sv *Surveyor) compareAll(ctx context.Context, s *Survey) error {
	s.Hosts = map[string]plan.Observed{}
	sv.Keys.LearnDigestKey(ctx)
	etcd := make(chan error, 1)
	go func() { etcd <- sv.compareEtcd(ctx, s) }()
	sv.Compare(ctx, s, sv.Fleet.Names())
	if err := <-etcd; err != nil {
		return err
	}
	return ctx.Err()
}

// supported refuses systems that nobody tried, before anything is written.
func (sv *Surveyor) supported(_ context.Context, s *Survey) error {
	var bad []error
	for _, name := range sv.Fleet.Names() {
		known := sv.Fleet.Members[name].Facts.OS
		if err := osfacts.Check(name, known, sv.AllowUntestedOS); err != nil {
			bad = append(bad, err)
		} else if _, listed := osfacts.Lookup(known); !listed {
			s.warn = append(s.warn, fmt.Sprintf("host %s runs %s, which is not supported", name, known.Name))
		}
	}
	return errors.Join(bad...)
}

// want builds the graph.
func (sv *Surveyor) want(ctx context.Context, s *Survey) error {
	s.Cluster = &component.Cluster{Inventory: sv.at(s.Hops[0]), Facts: sv.Fleet.Facts(), Artifacts: sv.Store, Now: sv.Fleet.Now(),
		Components: sv.Components, Isolation: (*component.Isolation)(sv.Task.Scope().Isolation), Leaving: sv.Fleet.Departures()}
	if sv.Fleet.Decision.Identity != nil {
		s.Cluster.Identity = *sv.Fleet.Decision.Identity
		if err := sv.learn(ctx, s); err != nil {
			return err
		}
	}
	if reissue := sv.Task.Scope().Reissue; reissue != nil {
		s.Cluster.Reissue = map[string]bool{}
		for _, name := range sv.Fleet.Names() {
			s.Cluster.Reissue[name] = reissue(name)
		}
	}
	s.Cluster.Isolated = sv.Isolated()
	ranges, err := sv.Fleet.PodRanges()
	if err != nil {
		return err
	}
	s.Cluster.PodCIDRs = ranges
	releases, images, err := sv.releases(s.Cluster)
	if err != nil {
		return err
	}
	own, err := ownimages.Rows(sv.Fleet.Inventory)
	if err != nil {
		return err
	}
	s.Cluster.Images = append(images, ownimages.Images(own)...)
	s.Graph, err = desired.Build(desired.Input{
		Cluster: s.Cluster, Components: sv.Components, Hosts: sv.Fleet.Answered(sv.Fleet.Inventory), Objects: releases,
	})
	return err
}

// learn has components ask the cluster. Hosts that they find unfit are skipped.
func (sv *Surveyor) learn(ctx context.Context, s *Survey) error {
	s.Cluster.Learned = map[string]any{}
	for _, c := range sv.Components {
		learner, ok := c.(component.Learner)
		if !ok {
			continue
		}
		lesson, err := learner.Learn(ctx, s.Cluster, sv.API)
		if err != nil {
			return err
		}
		s.Cluster.Learned[c.Name()] = lesson.Known
		s.warn = append(s.warn, lesson.Warnings...)
		for name, why := range lesson.Unfit {
			sv.Fleet.Exclude(name, why)
		}
		s.Cluster.Facts = sv.Fleet.Facts()
	}
	return nil
}

// Compare has all agents, and the cluster's API, compare at once.
func (sv *Surveyor) Compare(ctx context.Context, s *Survey, names []string) {
	for name, absent := range sv.Fleet.Absent {
		s.Hosts[name] = plan.Observed{Err: absent.Why}
	}
	byHost := s.Graph.ByHost()
	var mu sync.Mutex
	var all sync.WaitGroup
	all.Go(func() { sv.compareObjects(ctx, s) })
	waiting := sv.Fleet.Wait("comparing", names)
	defer waiting.Stop()
	fleet.Spread(names, func(name string) {
		m := sv.Fleet.Members[name]
		defer waiting.Ready(name)
		result, err := api.Plan.Call(ctx, m.Agent, api.PlanParams{Resources: byHost[name], DigestKey: secret.OnWire(sv.Keys.DigestKey)})
		if err != nil {
			err = fmt.Errorf("comparing host %s: %w", name, err)
		}
		_, joins := sv.Fleet.Decision.Joins[name]
		mu.Lock()
		defer mu.Unlock()
		s.Hosts[name] = plan.Observed{Result: result, New: m.Facts.Owned.Identity == nil, JoinIdentity: joins, Err: err}
	})
	all.Wait()
}

// loseSilent skips hosts that could not compare: their agents hang, talk
// nonsense or are gone. Nobody waits for their locks.
func (sv *Surveyor) loseSilent(_ context.Context, s *Survey) error {
	lost := map[string]error{}
	for _, name := range sv.Fleet.Names() {
		_, leaves := sv.Fleet.Leaving[name] // what is left of it there is still known
		if err := s.Hosts[name].Err; err != nil && !leaves {
			lost[name] = err
		}
	}
	return sv.Fleet.Refuse(lost)
}

// observers bounds requests to the API at once.
const observers = 16

func (sv *Surveyor) compareObjects(ctx context.Context, s *Survey) {
	seen := map[resource.Address]plan.ClusterObserved{}
	s.Objects = seen
	var wanted []resource.Resource
	for _, r := range s.Graph.Resources {
		if r.Address.IsCluster() {
			wanted = append(wanted, r)
			seen[r.Address] = plan.ClusterObserved{Unknown: true}
		}
	}
	// A second look would only wait again for an API that did not answer.
	if sv.Fleet.Decision.Identity == nil || len(wanted) == 0 || s.unreached != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, access.ReachBudget)
	defer cancel()
	if s.unreached = sv.API.Reach(ctx); s.unreached != nil {
		if errors.Is(s.unreached, access.ErrNoAccess) {
			return
		}
		s.warn = append(s.warn, "the Kubernetes API does not answer, so its objects are not compared and nothing is removed from the cluster: "+s.unreached.Error())
		return
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	slots := make(chan struct{}, observers)
	var nodes kube.Status
	all.Go(func() { nodes, _ = sv.API.Status(ctx) }) // an API that ends meanwhile fails what is observed
	for _, r := range wanted {
		all.Go(func() {
			slots <- struct{}{}
			changes, err := sv.Observe(ctx, r)
			<-slots
			mu.Lock()
			defer mu.Unlock()
			seen[r.Address] = plan.ClusterObserved{Changes: changes, Err: err}
		})
	}
	all.Wait()
	for _, n := range access.Foreign(sv.Fleet, nodes.Nodes) {
		s.remark(n.Foreign())
	}
	sv.compareLedger(ctx, s, wanted)
}

// remark adds a warning once: there is a second look, under the locks.
func (s *Survey) remark(text string) {
	if !slices.Contains(s.warn, text) {
		s.warn = append(s.warn, text)
	}
}

// compareLedger finds out what leaves the cluster. Runs that are about something
// else take nothing away.
func (sv *Surveyor) compareLedger(ctx context.Context, s *Survey, wanted []resource.Resource) {
	s.Ledger, s.ledgerErr = plan.Ledger{}, nil
	if scope := sv.Task.Scope(); scope.Narrow || scope.Certificates {
		return
	}
	env, err := sv.API.Env(ctx)
	if err == nil {
		s.Ledger, err = sv.Ledger.Look(ctx, env, wanted, s.Objects)
	}
	if err != nil && ctx.Err() != nil { // a slow API is no reason to stop: what leaves, leaves with the next run
		s.Ledger = plan.Ledger{}
		s.remark("the Kubernetes API is too slow to tell what leaves the cluster, so this run removes nothing from it: " + err.Error())
		return
	}
	s.Ledger.Access, s.ledgerErr = component.APIAt(), err
}

// CompareOne is what differs of one resource, wherever it is.
func (sv *Surveyor) CompareOne(ctx context.Context, r resource.Resource) ([]resource.Change, error) {
	if r.Address.IsCluster() {
		return sv.Observe(ctx, r)
	}
	m := sv.Fleet.Members[r.Address.Host]
	if m == nil {
		return nil, fmt.Errorf("host %s is skipped", r.Address.Host)
	}
	result, err := api.Plan.Call(ctx, m.Agent, api.PlanParams{Resources: []resource.Resource{r}, DigestKey: secret.OnWire(sv.Keys.DigestKey)})
	if err != nil {
		return nil, err
	}
	for _, item := range result.Items {
		if item.ID == r.Address.ID() && item.Error != nil {
			return nil, errors.New(item.Error.Message)
		} else if item.ID == r.Address.ID() {
			return item.Changes, nil
		}
	}
	return nil, nil
}

func (sv *Surveyor) Observe(ctx context.Context, r resource.Resource) ([]resource.Change, error) {
	kind, ok := sv.ClusterKinds[r.Address.Kind]
	if !ok {
		return nil, fmt.Errorf("kind %q of %s is not in the catalogue", r.Address.Kind, r.Address)
	}
	env, err := sv.API.Env(ctx)
	if err != nil {
		return nil, err
	}
	have, err := kind.Observe(ctx, env, r.Address.Name, r.Spec)
	if err != nil {
		return nil, err
	}
	changes, err := kind.Diff(r.Address.Name, r.Spec, have)
	resource.SealAll(changes, sv.Keys.Keyed())
	return changes, err
}
