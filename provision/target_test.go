package provision_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/fleettest"
	"provision/provision/internal/ssh/sshtest"
	"provision/provision/internal/system"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/test/faults"
)

// tree are all files on a host, but for the agent: names, modes, contents.
func tree(t *testing.T, host *fleettest.Host) map[string]string {
	t.Helper()
	found := map[string]string{}
	require.NoError(t, filepath.WalkDir(host.Root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, host.Root)
		info, err := entry.Info()
		if err != nil || entry.IsDir() || strings.HasPrefix(name, "/var/lib/provision/agent") || strings.HasPrefix(name, "/run/") {
			return err
		}
		found[name] = info.Mode().String()
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(content)
			found[name] += " " + hex.EncodeToString(sum[:])
		}
		return nil
	}))
	return found
}

func differing(a, b map[string]string) []string {
	var list []string
	for name := range a {
		if a[name] != b[name] {
			list = append(list, name)
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			list = append(list, name)
		}
	}
	return list
}

// refused runs what must change nothing on any of the hosts, nor in the API,
// and returns what it saw, as the figure of a fault's row.
func refused(t *testing.T, f *fleettest.Fleet, hosts []string, do func() (verbs int)) string {
	t.Helper()
	f.Quiet()
	before := map[string]map[string]string{}
	files := 0
	for _, name := range hosts {
		before[name] = tree(t, f.Host(name))
		files += len(before[name])
	}
	writes, began := f.API.Writes(), time.Now()
	verbs := do()
	took := time.Since(began)
	f.Quiet()
	for _, name := range hosts {
		require.Empty(t, differing(before[name], tree(t, f.Host(name))), "host %s", name)
	}
	require.Equal(t, writes, f.API.Writes())
	return fmt.Sprintf("%d runs refused in %d ms; 0 of %d files of %d hosts and 0 API objects changed", verbs, took.Milliseconds(), files, len(hosts))
}

// everyVerb runs all that opens sessions; each must fail and say all of this.
func everyVerb(t *testing.T, f *fleettest.Fleet, inv *inventory.Inventory, tune func(*provision.Options), says ...string) int {
	t.Helper()
	if tune == nil {
		tune = func(*provision.Options) {}
	}
	run := map[string]func(o *provision.Operator) error{
		"plan":       func(o *provision.Operator) error { _, err := o.Plan(t.Context()); return err },
		"apply":      func(o *provision.Operator) error { _, err := o.Apply(t.Context(), yes); return err },
		"status":     func(o *provision.Operator) error { _, err := o.Status(t.Context()); return err },
		"kubeconfig": func(o *provision.Operator) error { _, err := o.Access(t.Context()); return err },
	}
	for verb, do := range readers(t) {
		run[verb] = do
	}
	for verb, do := range run {
		o := f.Operator(inv, tune)
		err := do(o)
		require.NoError(t, o.Close())
		for _, text := range says {
			require.ErrorContains(t, err, text, verb)
		}
	}
	return len(run)
}

// edit copies an inventory and changes the copy.
func edit(inv *inventory.Inventory, change func(*inventory.Inventory)) *inventory.Inventory {
	copied := *inv
	copied.Hosts = slices.Clone(inv.Hosts)
	change(&copied)
	return &copied
}

func formed(t *testing.T, nodes int) (*fleettest.Fleet, *inventory.Inventory) {
	t.Helper()
	inv := load(t, "dc1", nodes)
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	return f, inv
}

func names(inv *inventory.Inventory) []string {
	var list []string
	for _, h := range inv.Hosts {
		list = append(list, h.Name)
	}
	return list
}

func TestNoVerbTakesALabForTheRealHostsOrTheOtherWayRound(t *testing.T) {
	f, inv := formed(t, 1)
	lab := func(o *provision.Options) { o.Lab = "dc1" }
	figure := refused(t, f, names(inv), func() int {
		return everyVerb(t, f, inv, lab, "host m1: it is not a host of lab \"dc1\"", "without --lab")
	})
	for _, name := range names(inv) {
		require.NoError(t, f.Host(name).Write(system.LabMarker, "dc1\n"))
	}
	other := refused(t, f, names(inv), func() int {
		return everyVerb(t, f, inv, nil, "host m1: it is a host of lab \"dc1\"", "use --lab") +
			everyVerb(t, f, inv, func(o *provision.Options) { o.Lab = "dc2" }, "host n1: it is not a host of lab \"dc2\"")
	})
	faults.Record(t, "target-lab-marker", "A rehearsal never reaches real hosts, and a real run never reaches a lab",
		"plan, apply, status, kubeconfig, doctor and preflight with --lab on hosts without the marker, without --lab on hosts with it, and with another lab's name",
		"%s; %s", figure, other)
}

func TestNoVerbActsOnAnotherCluster(t *testing.T) {
	f, inv := formed(t, 2)
	other := load(t, "dc2", 2)
	renamed := edit(other, func(i *inventory.Inventory) {
		for n := range i.Hosts {
			i.Hosts[n].Name = "west-" + i.Hosts[n].Name
		}
	})
	figure := refused(t, f, names(inv), func() int {
		return everyVerb(t, f, other, nil, `inventory describes cluster "dc2"`, `m1, n1, n2: cluster "dc1" (`, "Nothing was changed", "Check the inventory file") +
			everyVerb(t, f, renamed, nil, `inventory describes cluster "dc2"`, `west-m1, west-n1, west-n2: cluster "dc1" (`)
	})
	faults.Record(t, "target-other-cluster", "Every verb refuses hosts of another cluster and names both clusters and the hosts",
		"plan, apply, status, kubeconfig, doctor and preflight with another data center's inventory, whose addresses overlap, with the same host names and with others", "%s", figure)
}

func TestNoVerbActsOnAMixedFleet(t *testing.T) {
	f, inv := formed(t, 1)
	west := edit(load(t, "dc2", 2), func(i *inventory.Inventory) {
		i.Hosts = i.Hosts[:1:1]
		i.Hosts[0].Name, i.Hosts[0].Address = "w1", netip.MustParseAddr("10.200.0.99")
	})
	require.NoError(t, f.Boot(west))
	_, err := apply(t, f, west)
	require.NoError(t, err)
	mixed := edit(inv, func(i *inventory.Inventory) {
		stray := i.Hosts[1]
		stray.Name, stray.Address = "w1", west.Hosts[0].Address
		i.Hosts = append(i.Hosts, stray)
	})
	figure := refused(t, f, []string{"m1", "n1", "w1"}, func() int {
		return everyVerb(t, f, mixed, nil, "its hosts belong to more than one", `m1, n1: cluster "dc1" (`, `w1: cluster "dc2" (`)
	})
	faults.Record(t, "target-mixed-fleet", "An inventory whose hosts belong to two clusters is refused, whoever has the majority",
		"a host of another living cluster is put into the inventory; plan, apply, status, kubeconfig, doctor and preflight", "%s", figure)
}

// What takes hosts away by mistake: a range that lost a digit, an emptied
// block, another data center's file, a wrong var-file.
func TestAFileThatTakesHostsAwayIsRefused(t *testing.T) {
	f, inv := formed(t, 12)
	keep := func(kept ...string) *inventory.Inventory {
		return edit(inv, func(i *inventory.Inventory) {
			i.Hosts = slices.DeleteFunc(i.Hosts, func(h inventory.Host) bool { return !slices.Contains(kept, h.Name) })
		})
	}
	tests := map[string]struct {
		inv   *inventory.Inventory
		count int
		says  []string
	}{
		"n[1-12] became n[1-2]":  {keep("m1", "n1", "n2"), 10, []string{"takes 10 hosts away", "n12 (node) leaves", "--allow-removals 10"}},
		"the block of the nodes": {keep("m1"), 12, []string{"takes 12 hosts away", "every host with the role node", "--allow-removals 12"}},
		"two roles exchanged": {edit(inv, func(i *inventory.Inventory) {
			i.Hosts[1].Roles = []inventory.Role{inventory.RoleMaster}
			i.Hosts[2].Roles = []inventory.Role{inventory.RoleMaster}
		}), 2, []string{"n1 loses the role node", "n10 loses the role node", "--allow-removals 2"}},
	}
	runs := 0
	figure := refused(t, f, names(inv), func() int {
		for name, test := range tests {
			p, err := look(t, f, test.inv)
			require.NoError(t, err, name)
			require.NotNil(t, p.Removals, name)
			assert.Equal(t, test.count, p.Removals.Count(), name)
			for _, allowed := range []int{0, test.count - 1} {
				_, err = apply(t, f, test.inv, func(o *provision.Options) { o.AllowRemovals = allowed })
				for _, text := range test.says {
					require.ErrorContains(t, err, text, name)
				}
				runs++
			}
		}
		return runs
	})
	agreed, err := apply(t, f, keep("m1", "n1", "n2"), func(o *provision.Options) { o.AllowRemovals = 10 })
	require.NoError(t, err)
	require.NotNil(t, agreed)
	faults.Record(t, "target-removals", "A file that takes more than one host away, or a role's last, is refused unless --allow-removals says how many",
		"a range typo, an emptied block and exchanged roles, without the flag and with one too few", "%s", figure)
}

func TestOneHostMayLeaveUntold(t *testing.T) {
	f, inv := formed(t, 2)
	_, err := apply(t, f, edit(inv, func(i *inventory.Inventory) { i.Hosts = i.Hosts[:2:2] }))
	require.NoError(t, err)
	_, err = apply(t, f, edit(inv, func(i *inventory.Inventory) { i.Hosts = i.Hosts[:1:1] }))
	require.ErrorContains(t, err, "every host with the role node", "the last one is another matter")
}

// Only masters and etcd hosts know who belongs to the cluster. With the only
// one's address mistyped, workers would be told the wrong address.
func TestWorkersAloneAreNotChanged(t *testing.T) {
	f, inv := formed(t, 2)
	move := func(address string) *inventory.Inventory {
		return edit(inv, func(i *inventory.Inventory) { i.Hosts[0].Address = netip.MustParseAddr(address) })
	}
	empty := edit(inv, func(i *inventory.Inventory) {
		i.Hosts = i.Hosts[:1:1]
		i.Hosts[0].Name, i.Hosts[0].Address = "spare", netip.MustParseAddr("10.200.0.12")
	})
	require.NoError(t, f.Boot(empty))
	figure := refused(t, f, []string{"m1", "n1", "n2", "spare"}, func() int {
		_, err := apply(t, f, move("10.200.0.12"))
		require.ErrorContains(t, err, `n1, n2 belong to cluster "dc1", but none of its masters and etcd hosts confirms that`)
		require.ErrorContains(t, err, "know nothing of it: m1 (10.200.0.12)")
		_, err = apply(t, f, move("10.200.0.13"))
		require.ErrorContains(t, err, "do not answer: m1 (10.200.0.13)")
		return 2
	})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	faults.Record(t, "target-mistyped-master", "With the address of the only master mistyped, no worker is pointed at the wrong address",
		"the master's address is that of an empty machine, then one where nobody answers", "%s", figure)
}

func TestAMachineUnderAnOldNameIsRefusedUntilItIsAccepted(t *testing.T) {
	f, inv := formed(t, 2)
	require.NoError(t, f.Replace(inv.Hosts[1]))
	figure := refused(t, f, names(inv), func() int {
		_, err := apply(t, f, inv)
		require.ErrorContains(t, err, "refusing host n1")
		require.ErrorContains(t, err, `is not the one that belongs to cluster "dc1"`)
		require.ErrorContains(t, err, "provision hostkeys accept n1 --replaced")
		o := f.Operator(inv)
		status, err := o.Status(t.Context())
		require.NoError(t, err)
		require.NoError(t, o.Close())
		require.Contains(t, status.Hosts[1].Error, "hostkeys accept n1 --replaced")
		require.Empty(t, status.Hosts[2].Error)
		return 2
	})
	f.Host("n1").Accept()
	began := time.Now()
	outcome, err := apply(t, f, inv)
	require.NoError(t, err)
	took := time.Since(began)
	assert.Zero(t, hostsOf(outcome.Plan)["n2"], "the others are not touched")
	p, err := look(t, f, inv)
	require.NoError(t, err)
	assert.True(t, p.Empty())

	require.NoError(t, f.Replace(inv.Hosts[1]))
	_, err = apply(t, f, inv)
	require.ErrorContains(t, err, "refusing host n1", "what was accepted was one machine, not any")
	faults.Record(t, "target-replaced-machine", "A new machine under an old name gets nothing until hostkeys accept HOST --replaced; then it joins with one apply",
		"a worker is replaced by an empty machine with another machine-id and host key", "%s; joined in %d ms once accepted", figure, took.Milliseconds())
}

// A host that is skipped keeps its place on the roster.
func TestTheRosterRemembersMachinesThatAreDown(t *testing.T) {
	f, inv := formed(t, 2)
	f.Host("n1").Fail(sshtest.Refuse)
	require.NoError(t, f.Host("n2").Write("/usr/local/bin/kubelet", "something else\n"))
	_, err := apply(t, f, inv)
	require.ErrorContains(t, err, "host n1 was skipped")
	require.NoError(t, f.Replace(inv.Hosts[1]))
	_, err = apply(t, f, inv)
	require.ErrorContains(t, err, "refusing host n1")
}

// A host whose ledger was lost is the same machine still.
func TestALostLedgerIsNoReplacedMachine(t *testing.T) {
	f, inv := formed(t, 1)
	require.NoError(t, os.RemoveAll(filepath.Join(f.Host("n1").Root, system.LedgerDir)))
	_, err := apply(t, f, inv)
	require.NoError(t, err)
}

// Data that are elsewhere are not lost: whoever did what is said then would lose
// all that was written since the snapshot.
func TestEtcdDataDoNotMove(t *testing.T) {
	f, inv := formed(t, 1)
	elsewhere := edit(inv, func(i *inventory.Inventory) { i.Etcd.DataDir = "/var/lib/etcd2" })
	_, err := apply(t, f, elsewhere)
	require.ErrorContains(t, err, `etcd's data_dir cannot change from /var/lib/etcd to /var/lib/etcd2: the data of the member on host m1 are in /var/lib/etcd; put data_dir = "/var/lib/etcd" back`)
	assert.NotContains(t, err.Error(), "snapshot")
}

func TestLostEtcdDataAreNotReplacedByNothing(t *testing.T) {
	f, inv := formed(t, 1)
	require.NoError(t, os.RemoveAll(filepath.Join(f.Host("m1").Root, "/var/lib/etcd/member")))
	figure := refused(t, f, names(inv), func() int {
		_, err := apply(t, f, inv)
		require.ErrorContains(t, err, `all etcd data of cluster "dc1" are gone`)
		require.ErrorContains(t, err, "restore a backup: provision etcd restore FILE")
		return 1
	})
	require.NoError(t, f.Host("m1").WriteEtcd(1, 0xbeef))
	f.API.SetEtcdIDs(map[string]uint64{"m1": 0xbeef})
	p, err := look(t, f, inv)
	require.NoError(t, err)
	require.Len(t, p.Steps, 1)
	assert.Equal(t, plan.FormedAddress("dc1"), p.Steps[0].Address)
	assert.Equal(t, "beef", p.Steps[0].Changes[0].New)
	assert.Contains(t, strings.Join(p.Warnings, "\n"), "restored from a snapshot")
	_, err = apply(t, f, inv)
	require.NoError(t, err)
	p, err = look(t, f, inv)
	require.NoError(t, err)
	assert.True(t, p.Empty(), "it is recorded")
	f.API.SetEtcdIDs(map[string]uint64{"m1": 0xbeef, "m2": 0xdead})
	_, err = look(t, f, inv)
	require.ErrorContains(t, err, "members belong to different etcd clusters")
	faults.Record(t, "target-etcd-lost", "With all data of etcd gone nothing is changed, and the refusal names the command that restores a backup",
		"etcd's data folder is removed", "%s; the restored cluster's id was recorded by the next apply", figure)
}
