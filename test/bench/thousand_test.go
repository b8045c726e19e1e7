//go:build bench

package bench

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/event"
	"provision/provision/fleettest"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/provision/report"
)

// TestThousandHosts measures the operator and the agents of a whole data
// center in one process: SSH, agent, ledger, plan and engine are the real
// ones; hosts are folders, and the cluster's APIs are maps.
func TestThousandHosts(t *testing.T) {
	nodes := number(t, "BENCH_NODES", 997)
	f, err := fleettest.New(fleettest.Folder(t), fleettest.Options{})
	require.NoError(t, err)
	defer f.Close()
	inv := datacenter(t, nodes)
	require.NoError(t, f.Boot(inv))

	cold := measure(t, f, "cold apply", inv)
	require.False(t, cold.empty)
	results := []run{cold}
	for range 2 {
		noop := measure(t, f, "no-op apply", inv)
		require.True(t, noop.empty, "the second apply must change nothing:\n%s", noop.plan)
		results = append(results, noop)
	}
	grown := datacenter(t, nodes+1)
	require.NoError(t, f.Boot(grown))
	added := measure(t, f, "add one node", grown)
	require.Equal(t, []string{"cluster", fmt.Sprintf("n%d", nodes+1)}, added.touched)
	results = append(results, added)
	results = append(results, baseline(t, f, grown))
	write(t, "thousand", len(inv.Hosts), results)
}

// measure runs one apply on a new operator.
func measure(t *testing.T, f *fleettest.Fleet, name string, inv *inventory.Inventory) run {
	t.Helper()
	profile := os.Getenv("BENCH_PROFILE")
	if profile != "" {
		file, err := os.Create(fmt.Sprintf("%s-%s.cpu", profile, name))
		require.NoError(t, err)
		defer file.Close()
		require.NoError(t, pprof.StartCPUProfile(file))
		defer pprof.StopCPUProfile()
	}
	runtime.GC()
	bytes, execs := f.Bytes(), f.Execs()
	watch := startWatch()
	var phases []event.Event
	o := f.Operator(inv, func(options *provision.Options) {
		options.Sink = func(e event.Event) {
			if e.Type == event.StepFailed || e.Type == event.HostFailed || e.Type == event.Warning {
				t.Log(e.Host, e.Address, e.Text)
			}
			if e.Type == event.PhaseStarted {
				phases = append(phases, e)
			}
		}
	})
	outcome, err := o.Apply(context.Background(), func(*plan.Plan) (bool, error) { return true, nil })
	require.NoError(t, err)
	r := watch.stop(name)
	if profile != "" {
		file, err := os.Create(fmt.Sprintf("%s-%s.heap", profile, name))
		require.NoError(t, err)
		require.NoError(t, pprof.WriteHeapProfile(file))
		file.Close()
	}
	require.NoError(t, o.Close())
	r.WithClose = time.Since(watch.began).Seconds()
	r.Steps, r.empty, r.touched = len(outcome.Plan.Steps), outcome.Plan.Empty(), touched(outcome.Plan)
	r.BytesPerHost = (f.Bytes() - bytes) / int64(len(inv.Hosts))
	r.ExecsPerHost = float64(f.Execs()-execs) / float64(len(inv.Hosts))
	var text strings.Builder
	report.Plan(&text, outcome.Plan, report.Style{})
	r.plan = text.String()
	r.print(t)
	return r
}

func touched(p *plan.Plan) []string {
	seen := map[string]bool{}
	var hosts []string
	for _, s := range p.Steps {
		if !seen[s.Address.Host] && s.Action != plan.Wait {
			seen[s.Address.Host] = true
			hosts = append(hosts, s.Address.Host)
		}
	}
	sort.Strings(hosts)
	return hosts
}
