package provision_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/agent/api"
	"provision/provision/agent/client"
	"provision/provision/event"
	"provision/provision/fleettest"
	"provision/provision/internal/ssh/sshtest"
	"provision/provision/internal/wire"
	"provision/test/faults"
)

// Limits of these tests: far above what sound hosts need on a busy machine. Real
// ones are minutes.
var shortLimits = client.Limits{Look: 12 * time.Second, Change: 12 * time.Second, Quiet: 9 * time.Second}

const shortHello = 8 * time.Second

// badAgent is what answers in the place of a host's agent, and what the
// operator must say of it.
type badAgent struct {
	impostor fleettest.Impostor
	relay    fleettest.Relay
	login    func(ctx context.Context, e sshtest.Exec, next sshtest.Handler) int
	says     string
}

// hangs is a login shell that never runs what it is told, where said matches.
func hangs(said string, noise io.Reader) func(context.Context, sshtest.Exec, sshtest.Handler) int {
	return func(ctx context.Context, e sshtest.Exec, next sshtest.Handler) int {
		if !strings.Contains(e.Command, said) {
			return next(ctx, e)
		}
		_, _ = io.Copy(e.Stdout, noise)
		<-ctx.Done()
		return 255
	}
}

// endless says the same for as long as anybody listens.
type endless string

func (s endless) Read(b []byte) (int, error) { return copy(b, s), nil }

func answers(methods string, with func(ctx context.Context, answer json.RawMessage) (any, error)) fleettest.Relay {
	return func(ctx context.Context, method string, ask func() (json.RawMessage, error)) (any, error) {
		answer, err := ask()
		if err != nil || !strings.Contains(methods, method) {
			return answer, err
		}
		return with(ctx, answer)
	}
}

// never is what a hung host does: its agent goes on, the request does not.
func never(method string) fleettest.Relay {
	return func(ctx context.Context, asked string, ask func() (json.RawMessage, error)) (any, error) {
		if asked != method {
			return ask()
		}
		<-ctx.Done()
		return nil, ctx.Err()
	}
}

func replaced(from, to string) func(context.Context, json.RawMessage) (any, error) {
	return func(_ context.Context, answer json.RawMessage) (any, error) {
		return json.RawMessage(bytes.Replace(answer, []byte(from), []byte(to), 1)), nil
	}
}

// lines answers each request with lines of its own making.
func lines(make func(id uint64, out io.Writer) error) fleettest.Impostor {
	return func(_ context.Context, nonce string, in io.Reader, out io.Writer) error {
		control, err := fleettest.Control(nonce, in, out)
		if err != nil {
			return err
		}
		reader := bufio.NewReader(control)
		for {
			line, err := wire.ReadLine(reader, wire.MaxLine)
			if err != nil {
				return err
			}
			var request struct {
				ID     uint64 `json:"id"`
				Cancel bool   `json:"cancel"`
			}
			if err := json.Unmarshal(line, &request); err != nil {
				return err
			}
			if request.Cancel {
				continue
			}
			if err := make(request.ID, control); err != nil {
				return err
			}
		}
	}
}

// hello says hello, and then something else for as long as anybody reads it.
func hello(nonce bool, noise []byte, until time.Duration) fleettest.Impostor {
	return func(ctx context.Context, word string, _ io.Reader, out io.Writer) error {
		ctx, cancel := context.WithTimeout(ctx, until)
		defer cancel()
		if nonce {
			if err := wire.WriteHello(out, word); err != nil {
				return err
			}
		}
		for ctx.Err() == nil {
			if _, err := out.Write(noise); err != nil {
				return err
			}
			if !nonce && len(noise) < 1000 { // says a little, then nothing
				<-ctx.Done()
			}
		}
		return nil
	}
}

var badAgents = map[string]badAgent{
	"garbage instead of the hello": {impostor: hello(false, bytes.Repeat([]byte("\x1b[2J\x00\xff%s{}"), 1000), time.Minute),
		says: "more than 65536 bytes before its hello"},
	"a shell's prompt and nothing more": {impostor: hello(false, []byte("Enter the one-time code: "), time.Minute),
		says: "the agent was started and said nothing within 8s; look at"},
	"a hello and garbage frames": {impostor: hello(true, bytes.Repeat([]byte("\x07\xfe garbage"), 1000), time.Minute),
		says: "it speaks something else than our agent"},
	"answers to other requests": {impostor: lines(func(id uint64, out io.Writer) error {
		_, err := fmt.Fprintf(out, "{\"id\":%d,\"result\":{}}\n{\"id\":18446744073709551615,\"working\":true}\n", id+1000)
		return err
	}), says: "said nothing of this request for 9s"},
	"a login shell that never answers": {login: hangs("", strings.NewReader("")),
		says: "no answer: the login shell of root did not start our program within 15s"},
	"a login shell that prints without end": {login: hangs("", endless("are you there?\n")),
		says: "within 15s; it printed \"are you there?\"; look at what its start-up files"},
	"a login shell that hangs when blobs come": {login: hangs(" blobs", strings.NewReader("")),
		says: "no answer: the login shell of root did not start our program within 15s"},
	"no JSON": {impostor: lines(func(_ uint64, out io.Writer) error { _, err := io.WriteString(out, "Segmentation fault\n"); return err }),
		says: "it speaks something else than our agent"},
	"a line without an end": {impostor: lines(func(_ uint64, out io.Writer) error {
		for {
			if _, err := out.Write(bytes.Repeat([]byte{'['}, 1<<20)); err != nil {
				return err
			}
		}
	}), says: "line is too long"},
	"absurd facts":             {relay: answers(api.Facts.Name, replaced(`"cpus":`, `"cpus":9000000`)), says: "CPUs"},
	"a plan of something else": {relay: answers(api.Plan.Name, replaced(`"id":"`, `"id":"x`)), says: "which was not asked"},
	"no answer to facts":       {relay: never(api.Facts.Name), says: "no answer to facts within 12s"},
	"no answer to plan":        {relay: never(api.Plan.Name), says: "no answer to plan within 12s"},
	"no answer to inspect":     {relay: never(api.Inspect.Name), says: "no answer to inspect within 12s"},
	"no answer to lock":        {relay: never(api.Lock.Name), says: "no answer to lock within 12s"},
	"no answer to apply":       {relay: never(api.Apply.Name), says: "no answer to apply within 12s"},
}

// TestABadAgentIsNamedAndTheOthersGoOn plans and applies four hosts, one of
// which has something else than a sound agent.
func TestABadAgentIsNamedAndTheOthersGoOn(t *testing.T) {
	var mu sync.Mutex
	var slowest, alone time.Duration
	began, highest := time.Now(), sampleHeap(t)
	t.Run("no bad agent", func(t *testing.T) {
		alone = withBad(t, badAgent{})
	})
	t.Run("bad", func(t *testing.T) {
		for name, bad := range badAgents {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				took := withBad(t, bad)
				mu.Lock()
				defer mu.Unlock()
				slowest = max(slowest, took)
			})
		}
	})
	peak := highest()
	assert.Less(t, peak, uint64(1<<30))
	faults.Record(t, "agent-garbage", "A host whose agent talks nonsense or hangs is named with the reason; the run finishes the others",
		"one of four hosts: garbage instead of the hello or after it, answers to other requests, lines without end, absurd facts and comparisons, and no answer to facts, inspect, plan, lock or apply",
		"%d kinds of bad agents, all named; slowest apply %.1f s with limits of %s for an answer (10 min and 1 h as shipped), %.1f s without a bad host; at most %d MiB of heap for all %d fleets together; the whole test took %.0f s",
		len(badAgents), slowest.Seconds(), shortLimits.Look, alone.Seconds(), peak>>20, len(badAgents), time.Since(began).Seconds())
}

func withBad(t *testing.T, bad badAgent) (took time.Duration) {
	t.Helper()
	inv := load(t, "dc1", 3)
	f := boot(t, inv, fleettest.Options{Limits: shortLimits, HelloTime: shortHello})
	switch {
	case bad.impostor != nil:
		f.Host("n2").Pretend(bad.impostor)
	case bad.login != nil:
		f.Host("n2").Login(bad.login)
	case bad.relay != nil:
		f.Host("n2").Relay(bad.relay)
	}
	began := time.Now()
	outcome, err := apply(t, f, inv)
	took = time.Since(began)
	if bad.says == "" {
		require.NoError(t, err)
		return took
	}
	require.Error(t, err)
	require.NotNil(t, outcome, "%v", err)
	said := err.Error()
	for _, failed := range outcome.Result.Failed {
		assert.Equal(t, "n2", failed.Address.Host)
		said += "\n" + failed.Address.String() + ": " + failed.Err.Error()
	}
	require.Contains(t, said, "n2")
	require.Contains(t, said, bad.says)
	for _, name := range []string{"m1", "n1", "n3"} {
		assert.FileExists(t, filepath.Join(f.Host(name).Root, "/usr/local/bin/kubelet"), name)
	}
	assert.Less(t, took, 5*time.Minute)
	f.Host("n2").Pretend(nil)
	f.Host("n2").Login(nil)
	_, err = apply(t, f, inv)
	require.NoError(t, err, "a host that is fixed takes part")
	return took
}

// sampleHeap follows the heap until the function it returns is called.
func sampleHeap(t *testing.T) (peak func() uint64) {
	t.Helper()
	over, result := make(chan struct{}), make(chan uint64)
	go func() {
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		var most uint64
		for {
			select {
			case <-over:
				result <- most
				return
			case <-ticker.C:
				metrics.Read(sample)
				most = max(most, sample[0].Value.Uint64())
			}
		}
	}()
	return func() uint64 { close(over); return <-result }
}

// TestASlowHostTakesPart: its agent says that it is at work, and nobody is cut
// off; meanwhile the run says for whom it waits.
func TestASlowHostTakesPart(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := boot(t, inv, fleettest.Options{})
	waits := map[string]string{
		api.Facts.Name: "Waiting for n2 (connecting and reading facts), for ",
		api.Plan.Name:  "Waiting for n2 (comparing), for ",
	}
	told := map[string]chan struct{}{api.Facts.Name: make(chan struct{}), api.Plan.Name: make(chan struct{})}
	f.Host("n2").Relay(func(ctx context.Context, method string, ask func() (json.RawMessage, error)) (any, error) {
		if until := told[method]; until != nil {
			select {
			case <-until:
			case <-ctx.Done():
			}
		}
		return ask()
	})
	var once [2]sync.Once
	p, err := look(t, f, inv, func(o *provision.Options) {
		o.Impatience = 500 * time.Millisecond
		o.Sink = func(e event.Event) {
			for i, method := range []string{api.Facts.Name, api.Plan.Name} {
				if e.Type == event.Note && strings.HasPrefix(e.Text, waits[method]) && strings.HasSuffix(e.Text, "; 2 done") {
					once[i].Do(func() { close(told[method]) })
				}
			}
		}
	})
	require.NoError(t, err)
	assert.Positive(t, hostsOf(p)["n2"])
	outcome, err := apply(t, f, inv)
	require.NoError(t, err)
	require.Empty(t, outcome.Result.Failed)
}
