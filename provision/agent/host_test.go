package agent_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"provision/provision/agent"
	"provision/provision/agent/api"
	"provision/provision/agent/blobs"
	"provision/provision/agent/client"
	"provision/provision/facts"
	"provision/provision/internal/system"
	"provision/provision/resource"
	"provision/provision/resource/binary"
	"provision/provision/resource/file"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// host is a fake host: a folder, and a systemd that only counts.
type host struct {
	root  string
	units *fakeUnits
	point func(string)
	epoch uint64
	scope agent.Scope
	// runner answers commands; none knows any.
	runner system.Runner
}

func newHost(t *testing.T) *host {
	t.Helper()
	root := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(root, "etc"), 0o755))
	return &host{root: root, units: &fakeUnits{active: map[string]int{}}, point: func(string) {}, runner: noRunner{}}
}

func (h *host) write(t *testing.T, path, content string) {
	t.Helper()
	full := filepath.Join(h.root, path)
	require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o755))
	require.NoError(t, os.WriteFile(full, []byte(content), 0o644))
}

func (h *host) read(path string) string {
	raw, err := os.ReadFile(filepath.Join(h.root, path))
	if err != nil {
		return ""
	}
	return string(raw)
}

type sessionOptions struct {
	silence time.Duration
	onSign  func(context.Context, system.SignRequest) ([]byte, error)
}

// session starts an agent on the host and a client.
func (h *host) session(t *testing.T, options sessionOptions) *client.Session {
	t.Helper()
	process := h.process(t, options)
	s, err := client.Start(t.Context(), process, "abc", client.Options{OnSign: options.onSign})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func (h *host) process(t *testing.T, options sessionOptions) client.Process {
	t.Helper()
	sys, err := system.Real(h.root, system.Options{Units: h.units, Runner: h.runner, Point: func(name string) { h.point(name) }})
	require.NoError(t, err)
	in, stdin := io.Pipe()
	stdout, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- agent.Serve(context.Background(), in, out, "abc", agent.Options{
			System: sys, Kinds: kinds(), Silence: options.silence, Scope: h.scope,
			Addresses: func() ([]facts.Address, error) {
				return []facts.Address{{Interface: "lo", CIDR: "127.0.0.1/8"}}, nil
			},
		})
	}()
	return client.Process{Stdin: stdin, Stdout: stdout, Host: "m1", Wait: func() error { return <-done }, Kill: func() { _ = in.Close() }}
}

// locked starts a session that holds the lock.
func (h *host) locked(t *testing.T) *client.Session {
	t.Helper()
	s := h.session(t, sessionOptions{})
	h.epoch++
	result, err := api.Lock.Call(t.Context(), s, api.LockParams{Holder: "ann@desk 1", Epoch: h.epoch})
	require.NoError(t, err)
	require.True(t, result.Granted, "%+v", result)
	return s
}

func (h *host) apply(ctx context.Context, s *client.Session, r resource.Resource, act bool) (api.ApplyResult, error) {
	return api.Apply.Call(ctx, s, api.ApplyParams{Epoch: h.epoch, Resource: r, Act: act})
}

// receive sends a blob to the host as an operator does.
func (h *host) receive(t *testing.T, digest, content string) {
	t.Helper()
	input := fmt.Sprintf("{\"sha256\":%q,\"size\":%d,\"offset\":0}\n%s", digest, len(content), content)
	require.NoError(t, blobs.Receive(t.Context(), h.root+system.BlobDir, strings.NewReader(input), io.Discard))
}

type noRunner struct{}

func (noRunner) Run(_ context.Context, c system.Command) (system.Result, error) {
	return system.Result{Stdout: []byte(strings.Join(c.Argv, " ") + "\nlast\n")}, nil
}
func (noRunner) LookPath(string) string { return "" }

// fakeUnits knows an invocation number for each active unit.
type fakeUnits struct {
	system.Units
	mu       sync.Mutex
	active   map[string]int
	next     int
	restarts []string
	starting map[string]bool // units whose start does not come to an end
	since    func() time.Time
}

func (u *fakeUnits) Status(_ context.Context, unit string) (system.UnitStatus, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	n, ok := u.active[unit]
	if !ok {
		return system.UnitStatus{LoadState: "not-found", ActiveState: "inactive"}, nil
	}
	state := "active"
	if u.starting[unit] {
		state = "activating"
	}
	status := system.UnitStatus{LoadState: "loaded", ActiveState: state, InvocationID: fmt.Sprint(n)}
	if u.since != nil {
		status.Since = u.since()
	}
	return status, nil
}

func (u *fakeUnits) Start(_ context.Context, unit string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.starting[unit] {
		return fmt.Errorf("starting %s: job failed", unit)
	}
	u.next++
	u.active[unit] = u.next
	return nil
}

func (u *fakeUnits) Restart(ctx context.Context, unit string) error {
	u.mu.Lock()
	u.restarts = append(u.restarts, "restart "+unit)
	delete(u.starting, unit)
	u.mu.Unlock()
	return u.Start(ctx, unit)
}

func (u *fakeUnits) ResetFailed(context.Context, string) error { return nil }

func (u *fakeUnits) Service(context.Context, string) (system.ServiceStatus, error) {
	return system.ServiceStatus{}, nil
}

func (u *fakeUnits) Reload(_ context.Context, unit string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.restarts = append(u.restarts, "reload "+unit)
	return nil
}

func (u *fakeUnits) log() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]string(nil), u.restarts...)
}

func kinds() []resource.Kind[*system.System] {
	return []resource.Kind[*system.System]{
		resource.Erase[*system.System, textSpec, textState](textKind{}),
		resource.Erase[*system.System, unitSpec, unitState](unitKind{}),
		binary.Of(),
		file.Of(),
	}
}

// textKind is a file with a content, the simplest kind that can be undone.
type (
	textKind  struct{}
	textSpec  struct{ Content string }
	textState struct {
		Exists  bool
		Content string
	}
)

func (textKind) Name() string { return "text" }

func (textKind) Check(_ string, want textSpec) error {
	if want.Content == "" {
		return fmt.Errorf("no content")
	}
	return nil
}

func (textKind) Observe(ctx context.Context, sys *system.System, name string, want textSpec) (textState, error) {
	switch want.Content {
	case "wait":
		<-ctx.Done()
		return textState{}, ctx.Err()
	case "sign":
		cert, err := sys.Signer.Sign(ctx, system.SignRequest{CA: "etcd", CSR: []byte("csr")})
		return textState{Exists: true, Content: string(cert)}, err
	}
	raw, err := sys.Files.ReadFile(name)
	if os.IsNotExist(err) {
		return textState{}, nil
	}
	return textState{Exists: true, Content: string(raw)}, err
}

func (textKind) Diff(_ string, want textSpec, have textState) []resource.Change {
	if have.Exists && have.Content == want.Content {
		return nil
	}
	return []resource.Change{{Field: "content", Old: have.Content, New: want.Content, Create: !have.Exists}}
}

func (textKind) Apply(_ context.Context, sys *system.System, name string, want textSpec) error {
	if want.Content == "fail" {
		return &system.CommandError{Argv: []string{"x"}, Code: 1, Tail: "the tail"}
	}
	return sys.Files.WriteFile(name, strings.NewReader(want.Content), system.Attr{Mode: 0o644})
}

func (textKind) Restore(_ context.Context, sys *system.System, name string, before textState) error {
	if !before.Exists {
		return sys.Files.Remove(name)
	}
	return sys.Files.WriteFile(name, strings.NewReader(before.Content), system.Attr{Mode: 0o644})
}

func text(path, content string) resource.Resource {
	return resource.New("m1", "text", path, textSpec{Content: content})
}

type (
	unitKind  struct{}
	unitSpec  struct{}
	unitState struct{ Active bool }
)

func (unitKind) Name() string                 { return "unit" }
func (unitKind) Check(string, unitSpec) error { return nil }

func (unitKind) Observe(ctx context.Context, sys *system.System, name string, _ unitSpec) (unitState, error) {
	status, err := sys.Units.Status(ctx, name)
	return unitState{Active: status.ActiveState == "active"}, err
}

func (unitKind) Diff(_ string, _ unitSpec, have unitState) []resource.Change {
	if have.Active {
		return nil
	}
	return []resource.Change{{Field: "active", Old: "no", New: "yes"}}
}

func (unitKind) Apply(ctx context.Context, sys *system.System, name string, _ unitSpec) error {
	return sys.Units.Start(ctx, name)
}

func (unitKind) Restore(context.Context, *system.System, string, unitState) error {
	return resource.ErrIrreversible
}

func unit(name string) resource.Resource { return resource.New("m1", "unit", name, unitSpec{}) }

func plan(t *testing.T, s *client.Session, resources ...resource.Resource) api.PlanResult {
	t.Helper()
	result, err := api.Plan.Call(t.Context(), s, api.PlanParams{Resources: resources})
	require.NoError(t, err)
	return result
}

func ids(items []api.PlanItem) []string {
	var out []string
	for _, item := range items {
		out = append(out, item.ID)
	}
	return out
}

// tree is everything below a folder of the host, by path.
func (h *host) tree(t *testing.T, under string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(filepath.Join(h.root, under), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		raw, err := os.ReadFile(path)
		out[strings.TrimPrefix(path, h.root)] = string(raw)
		return err
	})
	require.NoError(t, err)
	return out
}

func mustJSON(t *testing.T, value any) string {
	t.Helper()
	raw, err := json.Marshal(value)
	require.NoError(t, err)
	return string(raw)
}
