//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"provision/provision/inventory"
	"provision/provision/lab"
	"provision/provision/parts"
)

// repo is where the sample inventories are, seen from this package.
const repo = "../.."

// cluster is a lab of this run and the inventory that is applied to it.
type cluster struct {
	*suite
	name  string
	lab   *lab.Lab
	files []string // the inventory
	disks []string // file systems below the folders that are compared
	cache string   // $PROVISION_CACHE, where it is not this machine's
}

// boot brings up a lab with the hosts of the files. It goes with the test,
// after showing the hosts' logs when the test failed.
func (s *suite) boot(t *testing.T, name string, files ...string) *cluster {
	t.Helper()
	return s.bootWith(t, name, nil, files...)
}

// bootWith is boot with flags for lab up.
func (s *suite) bootWith(t *testing.T, name string, flags []string, files ...string) *cluster {
	t.Helper()
	return s.named(name, files...).up(t, flags...)
}

// named is a cluster whose lab is not up yet.
func (s *suite) named(name string, files ...string) *cluster {
	return &cluster{suite: s, name: fmt.Sprintf("%s%d-%s", labPrefix, os.Getpid(), name), files: files}
}

// up boots the lab.
func (c *cluster) up(t *testing.T, flags ...string) *cluster {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if t.Failed() && c.lab != nil {
			c.logs(ctx, t)
		}
		require.NoError(t, lab.Down(ctx, c.name))
	})
	up := c.provision(t, append(append([]string{"lab", "up"}, flags...), c.inventory()...)...)
	require.Zero(t, up.code, "%s", up.all())
	opened, err := lab.Open(c.name)
	require.NoError(t, err)
	c.lab = opened
	c.seconds(t, fmt.Sprintf("lab of %d hosts up", len(opened.Hosts())), up.took)
	return c
}

// inventory is c's inventory as arguments.
func (c *cluster) inventory() []string { return asArgs(c.files) }

func asArgs(files []string) []string {
	var args []string
	for _, f := range files {
		args = append(args, "-i", f)
	}
	return args
}

func sample(name string) string { return filepath.Join(repo, "inventories", name) }

func extra(name string) string { return filepath.Join("testdata", name) }

// on runs a command as root on a host, beside what is tested.
func (c *cluster) on(t *testing.T, host string, argv ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	out, err := c.lab.Exec(ctx, host, argv...)
	require.NoError(t, err)
	return out
}

// put copies a file of this machine to a host.
func (c *cluster) put(t *testing.T, host, from, to string) {
	t.Helper()
	data, err := os.Open(from)
	require.NoError(t, err)
	defer data.Close()
	cmd, err := c.lab.Command(t.Context(), host, "sh", "-c", `cat >"$1.new" && chmod 755 "$1.new" && mv "$1.new" "$1"`, "put", to)
	require.NoError(t, err)
	cmd.Stdin, cmd.Dir = data, "/"
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// hosts names the lab's hosts.
func (c *cluster) hosts() []string {
	var names []string
	for _, h := range c.lab.Hosts() {
		names = append(names, h.Name)
	}
	return names
}

// logs shows why hosts are not well: their units, the tails of the failing
// ones, and the end of the console.
func (c *cluster) logs(ctx context.Context, t *testing.T) {
	for _, h := range c.lab.Hosts() {
		console, _ := os.ReadFile(h.Console) // best effort: this is a failure already
		t.Logf("=== %s, console:\n%s", h.Name, tail(string(console), 10))
		if !h.On {
			t.Logf("=== %s is off", h.Name)
			continue
		}
		units, _ := c.lab.Exec(ctx, h.Name, "systemctl", "list-units", "--plain", "--no-legend", "--state=failed,activating,reloading")
		t.Logf("=== %s, units that are not well:\n%s", h.Name, units)
		for line := range strings.Lines(units) {
			if unit, _, ok := strings.Cut(line, " "); ok {
				log, _ := c.lab.Exec(ctx, h.Name, "journalctl", "--no-pager", "-n", "25", "-u", unit)
				t.Logf("=== %s, journal of %s:\n%s", h.Name, unit, log)
			}
		}
		log, _ := c.lab.Exec(ctx, h.Name, "journalctl", "--no-pager", "-n", "25", "-p", "err")
		t.Logf("=== %s, warnings:\n%s", h.Name, log)
	}
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// load reads an inventory as provision does.
func load(t *testing.T, files ...string) *inventory.Inventory {
	t.Helper()
	inv, problems := inventory.Load(t.Context(), inventory.Options{Parts: parts.All(), Paths: files, Env: os.LookupEnv})
	require.NoError(t, problems.Err())
	return inv
}

// edited is an inventory file with text replaced, in a folder of the test.
func edited(t *testing.T, file string, replace ...string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	text := string(data)
	for i := 0; i < len(replace); i += 2 {
		require.Contains(t, text, replace[i], "%s", file)
		text = strings.ReplaceAll(text, replace[i], replace[i+1])
	}
	to := filepath.Join(t.TempDir(), filepath.Base(file))
	require.NoError(t, os.WriteFile(to, []byte(text), 0o600))
	return to
}
