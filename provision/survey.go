package provision

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"provision/provision/access"
	"provision/provision/agent/api"
	"provision/provision/component"
	"provision/provision/desired"
	"provision/provision/event"
	"provision/provision/fleet"
	"provision/provision/identity"
	"provision/provision/osfacts"
	"provision/provision/ownimages"
	"provision/provision/plan"
	"provision/provision/resource"
	"provision/provision/secret"
	"provision/provision/upgrade"
)

// survey is what is known before anything changes.
type survey struct {
	cluster *component.Cluster
	graph   *desired.Graph
	hosts   map[string]plan.Observed
	objects map[resource.Address]plan.ClusterObserved
	warn    []string
	// etcdIDs are the ids of their clusters that etcd's members told, by host; nil
	// when they were not asked yet.
	etcdIDs map[string]uint64
	// reformed is set when etcd is not the one that the ledgers know.
	reformed *identity.Reformed
	// dark is set by darkness.
	dark bool
	// installed are the programs of the hosts, and hops the way from there to
	// what the inventory wants, this run's first.
	installed installed
	hops      []upgrade.Hop
	// ledger is what the cluster's ledger says, and ledgerErr why that is not known.
	ledger    plan.Ledger
	ledgerErr error
	// unreached says why the API of an existing cluster does not answer.
	unreached error
}

// look connects, decides which cluster this is, works out what is wanted and
// has every host compare.
func (o *Operator) look(ctx context.Context) (*survey, error) {
	o.fleet.Emit(event.Event{Type: event.PhaseStarted, Text: "Connecting to " + event.Count(len(o.fleet.Inventory.Hosts), "host")})
	if err := o.fleet.Identify(ctx); err != nil {
		return nil, err
	}
	o.fleet.DialLeavers(ctx)
	o.fleet.LoseRoles()
	if err := o.Task.Check(ctx, o); err != nil {
		return nil, err
	}
	if err := o.safe(); err != nil {
		return nil, err
	}
	s := &survey{}
	if err := o.supported(s); err != nil {
		return nil, err
	}
	s.warn = append(s.warn, o.keys.Ending()...)
	if err := o.admit(ctx, s); err != nil {
		return nil, err
	}
	if err := o.learnInstalled(ctx, s); err != nil {
		return nil, err
	}
	if err := o.want(ctx, s); err != nil {
		return nil, err
	}
	s.hosts = map[string]plan.Observed{}
	o.keys.LearnDigestKey(ctx)
	etcd := make(chan error, 1)
	go func() { etcd <- o.compareEtcd(ctx, s) }()
	o.compare(ctx, s, o.fleet.Names())
	if err := <-etcd; err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if o.Task.Scope().Certificates {
		o.darkness(ctx, s)
	}
	return s, o.loseSilent(s)
}

// supported refuses systems that nobody tried, before anything is written.
func (o *Operator) supported(s *survey) error {
	var bad []error
	for _, name := range o.fleet.Names() {
		known := o.fleet.Members[name].Facts.OS
		if err := osfacts.Check(name, known, o.AllowUntestedOS); err != nil {
			bad = append(bad, err)
		} else if _, listed := osfacts.Lookup(known); !listed {
			s.warn = append(s.warn, fmt.Sprintf("host %s runs %s, which is not supported", name, known.Name))
		}
	}
	return errors.Join(bad...)
}

// want builds the graph.
func (o *Operator) want(ctx context.Context, s *survey) error {
	s.cluster = &component.Cluster{Inventory: o.at(s.hops[0]), Facts: o.fleet.Facts(), Artifacts: o.Store}
	if o.fleet.Decision.Identity != nil {
		s.cluster.Identity = *o.fleet.Decision.Identity
		if err := o.learnMembers(ctx, s); err != nil {
			return err
		}
	}
	if reissue := o.Task.Scope().Reissue; reissue != nil {
		s.cluster.Anew = map[string]bool{}
		for _, name := range o.fleet.Names() {
			s.cluster.Anew[name] = reissue(name)
		}
	}
	s.cluster.Isolated = o.isolated()
	ranges, err := o.fleet.PodRanges()
	if err != nil {
		return err
	}
	s.cluster.PodCIDRs = ranges
	releases, images, err := o.releases(s.cluster)
	if err != nil {
		return err
	}
	own, err := ownimages.Rows(o.fleet.Inventory)
	if err != nil {
		return err
	}
	s.cluster.Images = append(images, ownimages.Images(own)...)
	objects, err := o.objects(s.cluster)
	if err != nil {
		return err
	}
	s.graph, err = desired.Build(desired.Input{
		Cluster: s.cluster, Components: o.Components, Hosts: o.fleet.Answered(o.fleet.Inventory),
		Objects: append(objects, releases...), Gates: o.gates(), Guards: o.guards(),
	})
	return err
}

// compare has all agents, and the cluster's API, compare at once.
func (o *Operator) compare(ctx context.Context, s *survey, names []string) {
	for _, h := range o.fleet.Inventory.Hosts {
		if err := o.fleet.Failed[h.Name]; err != nil {
			s.hosts[h.Name] = plan.Observed{Err: err}
		}
	}
	for name, err := range o.fleet.Silent {
		s.hosts[name] = plan.Observed{Err: err}
	}
	byHost := s.graph.ByHost()
	var mu sync.Mutex
	var all sync.WaitGroup
	all.Go(func() { o.compareObjects(ctx, s) })
	waiting := o.fleet.Wait("comparing", names)
	defer waiting.Stop()
	fleet.Spread(names, func(name string) {
		m := o.fleet.Members[name]
		defer waiting.Ready(name)
		result, err := m.Agent.Plan(ctx, api.PlanParams{Resources: byHost[name], DigestKey: secret.OnWire(o.keys.DigestKey)})
		if err != nil {
			err = fmt.Errorf("comparing host %s: %w", name, err)
		}
		_, joins := o.fleet.Decision.Joins[name]
		mu.Lock()
		defer mu.Unlock()
		s.hosts[name] = plan.Observed{Result: result, New: m.Facts.Owned.Identity == nil, JoinIdentity: joins, Err: err}
	})
	all.Wait()
}

// loseSilent lets hosts take no part that could not compare: their agents hang,
// talk nonsense or are gone. Nobody waits for their locks.
func (o *Operator) loseSilent(s *survey) error {
	lost := map[string]error{}
	for _, name := range o.fleet.Names() {
		_, leaves := o.fleet.Leaving[name] // what is left of it there is still known
		if err := s.hosts[name].Err; err != nil && !leaves {
			lost[name] = err
		}
	}
	return o.fleet.Refuse(lost)
}

// observers bounds requests to the API at once.
const observers = 16

func (o *Operator) compareObjects(ctx context.Context, s *survey) {
	seen := map[resource.Address]plan.ClusterObserved{}
	s.objects = seen
	var wanted []resource.Resource
	for _, r := range s.graph.Resources {
		if r.Address.IsCluster() {
			wanted = append(wanted, r)
			seen[r.Address] = plan.ClusterObserved{Unknown: true}
		}
	}
	// A second look would only wait again for an API that did not answer.
	if o.fleet.Decision.Identity == nil || len(wanted) == 0 || s.unreached != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, access.ReachBudget)
	defer cancel()
	if s.unreached = o.api.Reach(ctx); s.unreached != nil {
		if errors.Is(s.unreached, access.ErrNoAccess) {
			return
		}
		s.warn = append(s.warn, "the Kubernetes API does not answer, so its objects are compared when it does, and nothing leaves the cluster before: "+s.unreached.Error())
		return
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	slots := make(chan struct{}, observers)
	for _, r := range wanted {
		all.Go(func() {
			slots <- struct{}{}
			changes, err := o.observe(ctx, r)
			<-slots
			mu.Lock()
			defer mu.Unlock()
			seen[r.Address] = plan.ClusterObserved{Changes: changes, Err: err}
		})
	}
	all.Wait()
	o.compareLedger(ctx, s, wanted)
}

// compareLedger finds out what leaves the cluster. Runs that are about something
// else take nothing away.
func (o *Operator) compareLedger(ctx context.Context, s *survey, wanted []resource.Resource) {
	s.ledger, s.ledgerErr = plan.Ledger{}, nil
	if scope := o.Task.Scope(); scope.Narrow || scope.Certificates {
		return
	}
	env, err := o.api.Env(ctx)
	if err == nil {
		s.ledger, err = o.ledger.Look(ctx, env, wanted, s.objects)
	}
	s.ledger.Access, s.ledgerErr = desired.GateAddress(gateAPI), err
}

func (o *Operator) observe(ctx context.Context, r resource.Resource) ([]resource.Change, error) {
	kind, ok := o.ClusterKinds[r.Address.Kind]
	if !ok {
		return nil, fmt.Errorf("kind %q of %s is not in the catalogue", r.Address.Kind, r.Address)
	}
	env, err := o.api.Env(ctx)
	if err != nil {
		return nil, err
	}
	have, err := kind.Observe(ctx, env, r.Address.Name, r.Spec)
	if err != nil {
		return nil, err
	}
	changes, err := kind.Diff(r.Address.Name, r.Spec, have)
	resource.SealAll(changes, o.keys.Keyed())
	return changes, err
}
