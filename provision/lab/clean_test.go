//go:build lab

package lab

import (
	"bufio"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func itoa[N int | uint16](n N) string { return strconv.Itoa(int(n)) }

func run(t *testing.T, argv ...string) []byte {
	t.Helper()
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	require.NoError(t, err, "%v: %s", argv, out)
	return out
}

// traces is all that a lab could leave on the machine, but for what bears the
// name of another lab, which may come and go beside the test.
func traces(t *testing.T, id string) []string {
	t.Helper()
	var found []string
	add := func(kind, what string) {
		if i := strings.Index(what, "provision-lab-"); i >= 0 && !strings.HasPrefix(what[i:], cgroupName(id)) {
			return
		}
		found = append(found, kind+" "+what)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	for line := range strings.Lines(string(mounts)) {
		add("mount", strings.Join(strings.Fields(line)[3:], " "))
	}
	groups, err := detectCgroups()
	require.NoError(t, err)
	for _, root := range groups.roots() {
		require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				add("cgroup", path)
			}
			return nil
		}))
	}
	for _, pattern := range []string{netnsDir + "/*", "/sys/class/net/*", "/tmp/nspawn-*", "/run/systemd/nspawn/*/*", "/run/lab"} {
		paths, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, p := range paths {
			add("file", p)
		}
	}
	return found
}

// labProcesses finds what runs in the lab's cgroups or starts its hosts.
func labProcesses(t *testing.T, id string) []int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	require.NoError(t, err)
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		group, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cgroup"))
		cmd, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if strings.Contains(string(group), cgroupName(id)) || strings.Contains(string(cmd), "--network-bridge="+bridgeName(id)) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestUpAndDownTwiceLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "labs")
	id := labID(dir, "clean")
	inv := inventoryOf("root", "c1", "10.91.6.11", "c2", "10.91.6.12")
	before := traces(t, id)
	for range 2 {
		l, err := Up(t.Context(), Options{Inventory: inv, Name: "clean", StateDir: dir})
		require.NoError(t, err)
		assert.NotEmpty(t, labProcesses(t, id))
		inHost(t, l, "c1", "sh", "-c", "ip link add br9 type bridge; mount -t tmpfs x /mnt; mkdir /sys/fs/cgroup/*/left; sleep 1000 >/dev/null 2>&1 &")
		require.NoError(t, DownIn(t.Context(), dir, "clean"))
		require.NoError(t, DownIn(t.Context(), dir, "clean"), "down is idempotent")
		assert.ElementsMatch(t, before, traces(t, id))
		assert.Empty(t, labProcesses(t, id))
		assert.NoDirExists(t, dir, "the last lab takes the state folder with it")
		assert.NoFileExists(t, netnsPath(id))
		record, _ := os.ReadFile(filepath.Join(thisMachine().dir, "machine.json"))
		assert.NotContains(t, string(record), id)
	}
}

// TestUpToBeKilled is not a test: it is the victim of the one below.
func TestUpToBeKilled(t *testing.T) {
	dir := os.Getenv("LAB_VICTIM_DIR")
	if dir == "" {
		return
	}
	_, err := Up(t.Context(), Options{Inventory: inventoryOf("root", "k1", "10.91.7.11", "k2", "10.91.7.12"), Name: "killed", StateDir: dir,
		Progress: func(line string) { os.Stdout.WriteString("PROGRESS " + line + "\n") }})
	require.NoError(t, err)
	os.Stdout.WriteString("PROGRESS done\n")
}

func TestDownCleansUpAfterAKilledUp(t *testing.T) {
	for _, moment := range []string{"booting", "host ", "done"} {
		t.Run(strings.TrimSpace(moment), func(t *testing.T) {
			dir := t.TempDir()
			id := labID(dir, "killed")
			before := traces(t, id)
			killedUp(t, dir, moment)
			if moment != "booting" {
				assert.NotEmpty(t, labProcesses(t, id), "hosts outlive the up")
			}
			require.NoError(t, DownIn(context.Background(), dir, "killed"))
			assert.ElementsMatch(t, before, traces(t, id))
			assert.Empty(t, labProcesses(t, id))
			assert.NoDirExists(t, filepath.Join(dir, "killed"))
		})
	}
	t.Run("up again", func(t *testing.T) {
		dir := t.TempDir()
		killedUp(t, dir, "booting")
		l, err := Up(t.Context(), Options{Inventory: inventoryOf("root", "k1", "10.91.7.11"), Name: "killed", StateDir: dir})
		require.NoError(t, err)
		assert.Equal(t, "killed", inHost(t, l, "k1", "cat", "/etc/provision-lab"))
		require.NoError(t, DownIn(t.Context(), dir, "killed"))
	})
}

// killedUp runs an Up in another process and kills it when it tells of the
// moment.
func killedUp(t *testing.T, dir, moment string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestUpToBeKilled$", "-test.v")
	cmd.Env = append(os.Environ(), "LAB_VICTIM_DIR="+dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	reached := false
	for lines := bufio.NewScanner(out); !reached && lines.Scan(); {
		reached = strings.HasPrefix(lines.Text(), "PROGRESS "+moment)
	}
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	require.True(t, reached, "the up never came to %q", moment)
}
