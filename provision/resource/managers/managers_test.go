package managers

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/system/systemfake"
	"provision/test/corrupt"
)

const folder = "/var/lib/kubelet"

func TestDiff(t *testing.T) {
	off := Spec{Folder: folder, CPU: NoCPU, Memory: NoMemory}
	on := Spec{Folder: folder, CPU: "static", Memory: "Static", Reserved: "cpus 0"}
	for title, test := range map[string]struct {
		want    Spec
		have    State
		changes int
	}{
		"new host":             {off, State{}, 0},
		"off and never on":     {off, State{CPU: NoCPU, Memory: NoMemory}, 0},
		"on since":             {on, State{CPU: "static", Memory: "Static", Mark: "cpus 0"}, 0},
		"kubelet not begun":    {on, State{Mark: "cpus 0"}, 0},
		"turned on":            {on, State{CPU: NoCPU, Memory: NoMemory}, 3},
		"turned off":           {off, State{CPU: "static", Memory: "Static", Mark: "cpus 0"}, 3},
		"other CPUs":           {on, State{CPU: "static", Memory: "Static", Mark: "cpus 0-1"}, 1},
		"unreadable":           {off, State{CPU: unreadable, Memory: NoMemory}, 1},
		"a new host, to be on": {on, State{}, 1},
	} {
		t.Run(title, func(t *testing.T) {
			assert.Len(t, kind{}.Diff("kubelet.service", test.want, test.have), test.changes)
		})
	}
}

// A kubelet that runs would write its memory down again.
func TestKubeletIsStoppedBefore(t *testing.T) {
	for title, killAt := range map[string]string{"not killed": "", "stopped": "managers:stopped", "half forgotten": "managers:forgotten"} {
		t.Run(title, func(t *testing.T) {
			root := t.TempDir()
			var host *systemfake.Host
			point := func(name string) {
				if name == killAt {
					panic("killed")
				}
			}
			host, err := systemfake.Open(root, systemfake.Options{Point: point})
			require.NoError(t, err)
			require.NoError(t, host.Put("/etc/systemd/system/kubelet.service", "[Service]\n", 0o644))
			require.NoError(t, host.Systemd.Set("kubelet.service", systemfake.Unit{Active: "active", Enabled: true}))
			for _, file := range []string{cpuFile, memoryFile} {
				require.NoError(t, host.Put(folder+"/"+file, `{"policyName":"none"}`, 0o600))
			}
			want := Spec{Folder: folder, CPU: "static", Memory: NoMemory, Reserved: "cpus 0"}
			func() {
				defer func() { _ = recover() }()
				require.NoError(t, kind{}.Apply(t.Context(), host.System, "kubelet.service", want))
			}()
			killAt = ""
			require.NoError(t, kind{}.Apply(t.Context(), host.System, "kubelet.service", want))
			have, err := kind{}.Observe(t.Context(), host.System, "kubelet.service", want)
			require.NoError(t, err)
			assert.Equal(t, State{Mark: "cpus 0", Folder: folder}, have)
			assert.Empty(t, host.Systemd.All()["kubelet.service"].Active, "the unit's own resource starts it")
		})
	}
}

func TestDamagedMemory(t *testing.T) {
	corrupt.Feed(t, 1, func(in []byte) bool {
		found := parse(in)
		assert.NotEmpty(t, found)
		return found != unreadable
	}, []byte(`{"policyName":"static","defaultCpuSet":"2-3","entries":{"a":{"b":"0-1"}},"checksum":42}`))
}

func TestCheck(t *testing.T) {
	good := Spec{Folder: folder, CPU: NoCPU, Memory: NoMemory}
	require.NoError(t, kind{}.Check("kubelet.service", good))
	require.Error(t, kind{}.Check("kubelet", good))
	require.Error(t, kind{}.Check("kubelet.service", Spec{Folder: "x", CPU: NoCPU, Memory: NoMemory}))
	require.Error(t, kind{}.Check("kubelet.service", Spec{Folder: folder, CPU: "Static", Memory: NoMemory}))
}
