//go:build bench

package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"provision/provision/inventory"
	"provision/provision/parts"
)

// run is one measured command.
type run struct {
	Name         string  `json:"name"`
	Seconds      float64 `json:"seconds"`
	WithClose    float64 `json:"seconds_with_close,omitempty"` // until every agent had ended
	CPUSeconds   float64 `json:"cpu_seconds"`
	PeakMiB      int64   `json:"peak_mib"` // resident, of the process
	HeapMiB      int64   `json:"heap_mib,omitempty"`
	BytesPerHost int64   `json:"bytes_per_host,omitempty"`
	ExecsPerHost float64 `json:"execs_per_host,omitempty"`
	Steps        int     `json:"steps,omitempty"`

	empty   bool
	plan    string
	touched []string
}

// watch measures from its start.
type watch struct {
	began time.Time
	cpu   float64
	peak  chan int64
	end   chan struct{}
}

func startWatch() *watch {
	w := &watch{began: time.Now(), cpu: cpuSeconds(), peak: make(chan int64), end: make(chan struct{})}
	go w.sample()
	return w
}

// sample follows the resident memory: the kernel's high-water mark is that of
// the whole life of the process, not of one run.
func (w *watch) sample() {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	most := resident()
	for {
		select {
		case <-w.end:
			w.peak <- max(most, resident())
			return
		case <-ticker.C:
			most = max(most, resident())
		}
	}
}

func (w *watch) stop(name string) run {
	r := run{Name: name, Seconds: time.Since(w.began).Seconds(), CPUSeconds: cpuSeconds() - w.cpu}
	close(w.end)
	r.PeakMiB = <-w.peak >> 20
	runtime.GC()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	r.HeapMiB = int64(mem.HeapInuse+mem.StackInuse) >> 20
	return r
}

func cpuSeconds() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

// resident is the memory of this process now.
func resident() int64 {
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(raw))
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

func (r run) print(t *testing.T) {
	t.Helper()
	t.Logf("%-28s %8.2f s (%.2f s with close)  %8.2f CPU s  peak %5d MiB  live %5d MiB  %8d B/host  %.2f execs/host  %d steps",
		r.Name, r.Seconds, r.WithClose, r.CPUSeconds, r.PeakMiB, r.HeapMiB, r.BytesPerHost, r.ExecsPerHost, r.Steps)
}

func number(t *testing.T, name string, standard int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return standard
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// datacenter has three masters with etcd, and nodes.
func datacenter(t *testing.T, nodes int) *inventory.Inventory {
	t.Helper()
	var b strings.Builder
	b.WriteString(`cluster "bench" { version = "1.37.1" }
ssh { user = "root" }
network {
  pods = "10.32.0.0/12"
  services = "10.96.0.0/16"
}
os {
  manage_modules = false
  manage_sysctls = false
  swap = "ignore"
}
time { manage = false }
host "m[1-3]" {
  address = "10.200.0.[11-13]"
  roles = ["etcd", "master"]
}
`)
	for i := 1; i <= nodes; i++ {
		fmt.Fprintf(&b, "host \"n%d\" {\n  address = \"10.201.%d.%d\"\n  roles = [\"node\"]\n}\n", i, i/250, i%250+1)
	}
	file := filepath.Join(t.TempDir(), "bench.hcl")
	require.NoError(t, os.WriteFile(file, []byte(b.String()), 0o600))
	inv, problems := inventory.Load(t.Context(), inventory.Options{Parts: parts.All(), Paths: []string{file}})
	require.NoError(t, problems.Err())
	return inv
}

// write keeps the results of one benchmark in results/latest.json.
func write(t *testing.T, name string, hosts int, runs []run) {
	t.Helper()
	writeAny(t, name, map[string]any{"hosts": hosts, "runs": runs})
}

func writeAny(t *testing.T, name string, result any) {
	t.Helper()
	const file = "results/latest.json"
	all := map[string]any{}
	if raw, err := os.ReadFile(file); err == nil {
		_ = json.Unmarshal(raw, &all)
	}
	load, _ := os.ReadFile("/proc/loadavg")
	all[name] = map[string]any{
		"when": time.Now().UTC().Format(time.RFC3339), "cores": runtime.NumCPU(),
		"load_at_end": strings.TrimSpace(string(load)), "go": runtime.Version(), "result": result,
	}
	raw, err := json.MarshalIndent(all, "", "  ")
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, append(raw, '\n'), 0o644))
}
