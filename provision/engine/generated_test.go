package engine_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"provision/provision/agent"
	"provision/provision/agent/api"
	"provision/provision/agent/client"
	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/desired"
	"provision/provision/engine"
	"provision/provision/event"
	"provision/provision/facts"
	"provision/provision/internal/system/systemfake"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/provision/resource"
	"provision/provision/resource/directory"
	"provision/provision/resource/file"
	"provision/provision/resource/hosts"
	"provision/provision/resource/kinds"
	"provision/provision/resource/sysctl"
	"provision/provision/resource/unit"
)

// wish is what each host shall have.
type wish map[string][]resource.Resource

// whole is a component with all of a wish.
type whole struct{ want wish }

func (w whole) Name() string                                 { return "generated" }
func (w whole) Runs(*component.Cluster, inventory.Host) bool { return true }
func (w whole) Artifacts(*component.Cluster) []bundle.Ref    { return nil }
func (w whole) Rollout() component.Rollout                   { return component.Parallel }
func (w whole) Gate() component.Gate                         { return component.Gate{} }
func (w whole) Desired(_ *component.Cluster, h inventory.Host) ([]resource.Resource, error) {
	return w.want[h.Name], nil
}

// machine is a host: a folder with the real agent and the real kinds on it.
type machine struct {
	name, root string
	epoch      uint64
	left       atomic.Int64 // kill points until it dies
	dies       int64        // kill points from the lock on; 0 is never
	down       bool
}

const never = 1 << 40

func (m *machine) start(t *testing.T) *client.Session {
	t.Helper()
	host, err := systemfake.Open(m.root, systemfake.Options{Point: func(name string) {
		if m.left.Add(-1) < 0 {
			panic("killed at " + name)
		}
	}})
	require.NoError(t, err)
	in, stdin := io.Pipe()
	stdout, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil { // a kill point outside of requests
				done <- fmt.Errorf("%v", p)
			}
		}()
		done <- agent.Serve(context.Background(), in, out, "n", agent.Options{System: host.System, Kinds: kinds.Host(),
			Addresses: func() ([]facts.Address, error) { return nil, nil }})
	}()
	s, err := client.Start(t.Context(), client.Process{Stdin: stdin, Stdout: stdout, Host: m.name, Wait: func() error { return <-done }, Kill: func() { _ = in.Close() }}, "n", client.Options{})
	require.NoError(t, err)
	return s
}

// converge plans and applies as an operator does, once. It returns what was
// planned, and how it ended.
func converge(t *testing.T, machines []*machine, want wish) (*plan.Plan, engine.Result) {
	t.Helper()
	in := desired.Input{Cluster: &component.Cluster{}, Components: []component.Component{whole{want}}}
	for _, m := range machines {
		if !m.down {
			in.Hosts = append(in.Hosts, inventory.Host{Name: m.name})
		}
	}
	graph, err := desired.Build(in)
	require.NoError(t, err)
	byHost := graph.ByHost()
	sessions, epochs, observed := map[string]*client.Session{}, map[string]uint64{}, map[string]plan.Observed{}
	for _, m := range machines {
		if m.down {
			observed[m.name] = plan.Observed{Err: fmt.Errorf("%s is down", m.name)}
			continue
		}
		s := m.start(t)
		defer func() { m.left.Store(never); _ = s.Close() }() // the lock goes, as with a process
		m.epoch++
		lock, err := api.Lock.Call(t.Context(), s, api.LockParams{Holder: "ann", Epoch: m.epoch})
		require.NoError(t, err)
		require.True(t, lock.Granted)
		result, err := api.Plan.Call(t.Context(), s, api.PlanParams{Resources: byHost[m.name]})
		require.NoError(t, err)
		if m.dies > 0 { // with the lock: a process that dies gives it back, this one does not
			m.left.Store(m.dies - 1)
		}
		sessions[m.name], epochs[m.name], observed[m.name] = s, m.epoch, plan.Observed{Result: result}
	}
	p := plan.Build(plan.Input{Cluster: "c", UUID: "u", Now: time.Unix(1, 0), Graph: graph, Hosts: observed})
	result := engine.Run(t.Context(), p, engine.Env{PerHost: 1, Now: time.Now, Sink: event.Discard, Do: func(ctx context.Context, step plan.Step) error {
		s, epoch := sessions[step.Address.Host], epochs[step.Address.Host]
		if step.Action == plan.Remove {
			err := api.Remove.Do(ctx, s, api.RemoveParams{Epoch: epoch, ID: step.Address.ID()})
			return err
		}
		r, ok := graph.Get(step.Address)
		if !ok {
			return fmt.Errorf("%s is wanted by nobody", step.Address)
		}
		err := api.Apply.Do(ctx, s, api.ApplyParams{Epoch: epoch, Resource: r, Act: step.Act != ""})
		return err
	}})
	for _, s := range sessions {
		_ = api.Commit.Do(t.Context(), s, api.Empty{})
	}
	for _, m := range machines {
		m.dies = 0
	}
	return p, result
}

// generate makes a wish: any of a few dozen things, with values of a few.
func generate(r *rand.Rand, names []string) wish {
	want := wish{}
	for _, h := range names {
		var list []resource.Resource
		add := func(x ...resource.Resource) { list = append(list, x...) }
		folder := directory.New(h, "/srv/gen", []uint32{0o755, 0o700}[r.IntN(2)])
		if r.IntN(2) == 0 {
			add(folder)
			for i := range r.IntN(3) {
				add(file.New(h, fmt.Sprintf("/srv/gen/%d", i), content(r), 0o644).After(folder.Address))
			}
		}
		for i := range 5 {
			if r.IntN(2) == 0 {
				add(file.New(h, fmt.Sprintf("/etc/gen-%d", i), content(r), []uint32{0o644, 0o600, 0o755}[r.IntN(3)]))
			}
		}
		for i := range 2 {
			if r.IntN(2) == 0 {
				name := fmt.Sprintf("gen-%d.service", i)
				text := file.Unit(h, name, "[Service]\nExecStart=/bin/x "+content(r)).Restarting(name)
				conf := file.New(h, "/etc/gen-"+name+".conf", content(r), 0o644).Restarting(name)
				add(text, conf, unit.Running(h, name).After(text.Address, conf.Address))
			}
		}
		if r.IntN(2) == 0 {
			add(hosts.New(h, "gen", "10.0.0.1 "+[]string{"a", "b"}[r.IntN(2)]))
		}
		if r.IntN(2) == 0 {
			add(sysctl.New(h, "kernel.panic", []string{"10", "20"}[r.IntN(2)]))
		}
		want[h] = list
	}
	return want
}

func content(r *rand.Rand) string { return fmt.Sprintf("value %d\n", r.IntN(4)) }

// shuffled is the wish in another order.
func shuffled(r *rand.Rand, want wish) wish {
	out := wish{}
	for h, list := range want {
		list = append([]resource.Resource(nil), list...)
		r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		out[h] = list
	}
	return out
}

// prepare makes hosts that somebody used before.
func prepare(t *testing.T, dir string, seed uint64, names []string) []*machine {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	var machines []*machine
	for _, name := range names {
		m := &machine{name: name, root: filepath.Join(dir, name)}
		m.left.Store(never)
		put := func(path, text string) {
			require.NoError(t, os.MkdirAll(filepath.Dir(m.root+path), 0o755))
			require.NoError(t, os.WriteFile(m.root+path, []byte(text), 0o644))
		}
		for path, text := range map[string]string{"/etc/hosts": "127.0.0.1 localhost\n", "/proc/sys/kernel/panic": "0\n", "/etc/sysctl.d/README": "", "/etc/systemd/system/other.service": "[Service]\n"} {
			put(path, text)
		}
		require.NoError(t, os.MkdirAll(m.root+"/var/lib", 0o755))
		for i := range 5 {
			path := fmt.Sprintf("/etc/gen-%d", i)
			switch r.IntN(4) {
			case 0:
				put(path, "mine "+content(r))
			case 1:
				require.NoError(t, os.Symlink("/etc/hosts", m.root+path))
			}
		}
		if r.IntN(2) == 0 {
			put("/srv/gen/mine", "keep me\n")
		}
		machines = append(machines, m)
	}
	return machines
}

// tree is what a host's files, links and units are, without provision's own.
func tree(t *testing.T, machines []*machine) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, m := range machines {
		require.NoError(t, filepath.WalkDir(m.root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			name, _ := filepath.Rel(m.root, path)
			if name == "var/lib/provision" || name == "run" {
				return filepath.SkipDir
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			text := info.Mode().String()
			switch {
			case info.Mode()&fs.ModeSymlink != 0:
				target, err := os.Readlink(path)
				out[m.name+"/"+name] = text + " " + target
				return err
			case info.Mode().IsRegular():
				raw, err := os.ReadFile(path)
				out[m.name+"/"+name] = text + " " + string(raw)
				return err
			}
			out[m.name+"/"+name] = text
			return nil
		}))
		host, err := systemfake.Open(m.root, systemfake.Options{})
		require.NoError(t, err)
		for name, u := range host.Systemd.All() {
			out[m.name+" unit "+name] = fmt.Sprintf("%v %v", u.Active, u.Enabled)
		}
	}
	return out
}

// folder is in memory where that is possible: what is synced there costs nothing.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "generated-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
