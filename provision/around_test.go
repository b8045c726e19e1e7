package provision_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/bundle"
	"provision/provision/cluster"
	"provision/provision/component"
	"provision/provision/component/components"
	"provision/provision/doctor"
	"provision/provision/fleettest"
	"provision/provision/inventory"
	"provision/provision/resource"
)

// flags are what hosts have set in a cluster, such as noout of a storage. Their
// kind is given to the operator, like the component that sets them.
type flags struct {
	mu   sync.Mutex
	set  map[string]bool
	log  []string
	sick error // of what the gate asks for
}

type flagSpec struct {
	Host string `json:"host"`
	Set  bool   `json:"set"`
}

func (*flags) Name() string                                                         { return "flag" }
func (*flags) Check(string, flagSpec) error                                         { return nil }
func (*flags) Restore(context.Context, *cluster.Env, string, map[string]bool) error { return nil }

func (f *flags) Observe(_ context.Context, _ *cluster.Env, name string, want flagSpec) (map[string]bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if name == "health" && f.sick != nil {
		return nil, f.sick
	}
	return map[string]bool{"set": f.set[want.Host]}, nil
}

func (*flags) Diff(name string, want flagSpec, have map[string]bool) []resource.Change {
	if name == "health" || have["set"] == want.Set {
		return nil
	}
	return []resource.Change{{Field: "flag", Old: "other", New: name}}
}

func (f *flags) Apply(_ context.Context, _ *cluster.Env, name string, want flagSpec) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.set[want.Host] = want.Set
	f.log = append(f.log, name)
	return nil
}

// storage is a component whose unit needs a flag while it restarts.
type storage struct{ config string }

func (storage) Name() string                                     { return "storage" }
func (storage) Runs(_ *component.Cluster, h inventory.Host) bool { return h.Has(inventory.RoleNode) }
func (storage) Artifacts(*component.Cluster) []bundle.Ref        { return nil }
func (storage) Rollout() component.Rollout                       { return component.OneAtATime }
func (s storage) Desired(c *component.Cluster, h inventory.Host) ([]resource.Resource, error) {
	set := component.NewSet(c, h, s.Name())
	set.File("/etc/storage.conf", s.config, 0o644, "storage.service")
	set.Service("storage.service", "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n")
	return set.Done()
}

func (storage) Around(_ *component.Cluster, h inventory.Host) (before, after []resource.Resource) {
	flag := func(name string, set bool) []resource.Resource {
		return []resource.Resource{resource.New(resource.ClusterHost, "flag", name+" "+h.Name, flagSpec{h.Name, set}).After(component.APIAt())}
	}
	return flag("set", true), flag("unset", false)
}

func (storage) Gate() component.Gate {
	return component.Gate{Unchanged: func(_ *component.Cluster, h inventory.Host) resource.Resource {
		return resource.New(resource.ClusterHost, "flag", "health", flagSpec{h.Name, true})
	}}
}

func storing(f *flags, config string) func(*provision.Options) {
	return func(o *provision.Options) {
		o.Components = components.With(storage{config})
		o.ClusterKinds["flag"] = resource.Erase[*cluster.Env, flagSpec, map[string]bool](f)
	}
}

func TestAComponentsChangeIsBracketedAndItsHealthIsAResource(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := boot(t, inv, fleettest.Options{})
	flag := &flags{set: map[string]bool{}}
	_, err := apply(t, f, inv, storing(flag, "one"))
	require.NoError(t, err)
	assert.Empty(t, flag.log, "a first installation changes nothing that runs")

	_, err = apply(t, f, inv, storing(flag, "two"))
	require.NoError(t, err)
	assert.Equal(t, []string{"set n1", "unset n1", "set n2", "unset n2"}, flag.log, "one host after the other, bracket and all")
	p, err := look(t, f, inv, storing(flag, "two"))
	require.NoError(t, err)
	assert.True(t, p.Empty(), "%+v", p.Steps)

	// Its health does not come back: the next host keeps what it has, and the
	// flag stays until somebody has seen to it.
	flag.log, flag.sick = nil, errors.New("degraded")
	ctx, cancel := context.WithCancel(t.Context())
	o := f.Operator(inv, storing(flag, "three"), func(o *provision.Options) {
		o.Point = func(name string) {
			if name == `done cluster/flag["set n1"]` {
				cancel() // nobody waits for minutes here
			}
		}
	})
	_, err = o.Apply(ctx, yes)
	require.Error(t, err)
	require.NoError(t, o.Close())
	assert.Equal(t, []string{"set n1"}, flag.log)
	flag.sick = nil
	_, err = apply(t, f, inv, storing(flag, "three"))
	require.NoError(t, err)
	assert.Empty(t, keysOf(flag.set), "all is over")
}

func keysOf(set map[string]bool) []string {
	var list []string
	for name, is := range set {
		if is {
			list = append(list, name)
		}
	}
	return list
}

// Whoever is killed between before and after leaves what is due after to the next
// run, whether the change itself is done or not.
func TestWhatIsDueAfterAChangeIsDoneByTheNextRun(t *testing.T) {
	for _, point := range []string{`done cluster/flag["set n1"]`, `done n1/unit["storage.service"]`} {
		t.Run(filepath.Base(point), func(t *testing.T) {
			inv := load(t, "dc1", 1)
			f := boot(t, inv, fleettest.Options{})
			flag := &flags{set: map[string]bool{}}
			_, err := apply(t, f, inv, storing(flag, "one"))
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			o := f.Operator(inv, storing(flag, "two"), func(o *provision.Options) {
				o.Point = func(name string) {
					if name == point {
						cancel()
					}
				}
			})
			_, err = o.Apply(ctx, yes)
			require.ErrorIs(t, err, context.Canceled)
			require.NoError(t, o.Close())
			require.True(t, flag.set["n1"])
			p, err := look(t, f, inv, storing(flag, "two"))
			require.NoError(t, err)
			assert.NotNil(t, at(p, resource.Address{Host: resource.ClusterHost, Kind: "flag", Name: "unset n1"}), "%+v", p.Steps)
			_, err = apply(t, f, inv, storing(flag, "two"))
			require.NoError(t, err)
			assert.False(t, flag.set["n1"])
			p, err = look(t, f, inv, storing(flag, "two"))
			require.NoError(t, err)
			assert.True(t, p.Empty(), "%+v", p.Steps)
		})
	}
}

// The doctor asks what a rollout asks.
func TestTheDoctorAsksForTheHealthOfAComponentThatIsAResource(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	flag := &flags{set: map[string]bool{}}
	_, err := apply(t, f, inv, storing(flag, "one"))
	require.NoError(t, err)
	for _, sick := range []error{nil, errors.New("degraded: 3 objects")} {
		flag.sick = sick
		o := f.Operator(inv, storing(flag, "one"))
		d, err := o.Doctor(t.Context())
		require.NoError(t, err)
		require.NoError(t, o.Close())
		told := slices.ContainsFunc(d.Findings, func(f doctor.Finding) bool {
			return f.Host == "n1" && f.Unit == "storage.service" && strings.Contains(f.Summary, "degraded: 3 objects")
		})
		assert.Equal(t, sick != nil, told, "%+v", d.Findings)
	}
}
