package doctor_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/cluster"
	"provision/provision/component"
	"provision/provision/doctor"
	"provision/provision/etcd"
	"provision/provision/facts"
	"provision/provision/kube"
)

const (
	etcdUnit, server, kubelet, containerd = "etcd.service", "kube-apiserver.service", "kubelet.service", "containerd.service"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func running(name string) api.Unit {
	return api.Unit{Name: name, Load: "loaded", Active: "active", Sub: "running", Enabled: "enabled"}
}

// looping fails again and again; the log tells why.
func looping(name string, log ...string) api.Unit {
	u := running(name)
	u.Active, u.Sub, u.Restarts, u.Result, u.ExitCode, u.Log = "activating", "auto-restart", 7, "exit-code", 1, log
	return u
}

// master is a host with every role whose services run, but for those given.
func master(name string, units ...api.Unit) doctor.Host {
	h := doctor.Host{Name: name, Master: true, Etcd: true, Joins: true, Wants: []doctor.Want{
		{Unit: containerd, Component: "containerd"}, {Unit: etcdUnit, Component: "etcd"},
		{Unit: server, Component: "controlplane", Needs: []string{etcdUnit}}, {Unit: kubelet, Component: "kubelet", Needs: []string{containerd}},
	}}
	h.Health.Clock = now
	for _, w := range h.Wants {
		if i := slices.IndexFunc(units, func(u api.Unit) bool { return u.Name == w.Unit }); i >= 0 {
			h.Health.Units = append(h.Health.Units, units[i])
			continue
		}
		h.Health.Units = append(h.Health.Units, running(w.Unit))
	}
	return h
}

func input(hosts ...doctor.Host) doctor.Input {
	in := doctor.Input{Hosts: hosts, Founded: true, API: server, Member: etcdUnit}
	for _, h := range hosts {
		in.Nodes = append(in.Nodes, kube.NodeStatus{Name: h.Name, Ready: true})
		in.Etcd = append(in.Etcd, etcd.MemberStatus{Healthy: true})
	}
	return in
}

func ids(found []doctor.Finding) []string {
	var list []string
	for _, f := range found {
		list = append(list, f.ID)
	}
	return list
}

func find(t *testing.T, found []doctor.Finding, id string) doctor.Finding {
	t.Helper()
	i := slices.IndexFunc(found, func(f doctor.Finding) bool { return f.ID == id })
	require.GreaterOrEqual(t, i, 0, "%s is not among %v", id, ids(found))
	return found[i]
}

func TestAHealthyClusterHasNoFindings(t *testing.T) {
	found := doctor.Diagnose(input(master("m1"), master("m2"), master("m3")))
	assert.Empty(t, found)
	assert.True(t, doctor.Healthy(found))
}

func TestACordonedNodeIsWorthKnowing(t *testing.T) {
	in := input(master("m1"), master("m2"))
	in.Nodes[1].Unschedulable = true
	found := doctor.Diagnose(in)
	f := find(t, found, "m2/cordoned")
	assert.Equal(t, doctor.Note, f.Level)
	assert.Equal(t, []string{"node", "uncordon", "m2"}, f.Fix)
	assert.True(t, doctor.Healthy(found))
}

// Somebody flushed the packet filter: kube-proxy runs, and does not look.
func TestAHostWithoutServicesIsNamed(t *testing.T) {
	const proxy = "kube-proxy.service"
	cut := func(u api.Unit, reaches bool) []doctor.Finding {
		m1, m2 := master("m1"), master("m2")
		m1.NoService, m1.Reaches = reaches, reaches
		m1.Health.Units = append(m1.Health.Units, u)
		in := input(m1, m2)
		in.Proxy = proxy
		return doctor.Diagnose(in)
	}
	f := find(t, cut(running(proxy), true), "m1/no-services")
	assert.Equal(t, doctor.Problem, f.Level)
	assert.Contains(t, f.First, "systemctl restart "+proxy)
	assert.Empty(t, f.Fix, "no apply fixes it")
	assert.NotContains(t, ids(cut(api.Unit{Name: proxy, Active: "failed"}, true)), "m1/no-services", "that says more")
	assert.Empty(t, cut(running(proxy), false))
}

func TestWhatUnitsAre(t *testing.T) {
	cases := []struct {
		title, what, cause string
		unit               api.Unit
	}{
		{"stopped", "stopped", "it was stopped", api.Unit{Load: "loaded", Active: "inactive", Enabled: "enabled", Result: "success"}},
		{"stopped and disabled", "stopped", "it was stopped and disabled", api.Unit{Load: "loaded", Active: "inactive", Enabled: "disabled"}},
		{"masked", "masked", "somebody masked it", api.Unit{Load: "masked", Active: "inactive", Enabled: "masked"}},
		{"masked while it runs", "masked", "somebody masked it", api.Unit{Load: "masked", Active: "active", Enabled: "masked"}},
		{"missing", "missing", "", api.Unit{Load: "not-found", Active: "inactive"}},
		{"bad unit file", "failed", "the unit file is damaged", api.Unit{Load: "bad-setting", Active: "inactive"}},
		{"out of memory", "failed", "the kernel ended it because memory ran out", api.Unit{Load: "loaded", Active: "failed", Enabled: "enabled", Result: "oom-kill"}},
		{"killed", "failed", "it was ended by signal 11", api.Unit{Load: "loaded", Active: "failed", Enabled: "enabled", Result: "core-dump", Killed: true, ExitCode: 11}},
		{"disabled", "not-enabled", "somebody disabled it", api.Unit{Load: "loaded", Active: "active", Enabled: "disabled"}},
		{"slow", "starting", "it did not become ready in time", api.Unit{Load: "loaded", Active: "activating", Sub: "start", Enabled: "enabled", Result: "timeout"}},
		{"cannot be looked at", "failed", "no systemd", api.Unit{Error: "no systemd"}},
	}
	for _, c := range cases {
		c.unit.Name = containerd
		found := doctor.Diagnose(input(master("m1", c.unit)))
		f := find(t, found, "m1/"+containerd+"/"+c.what)
		assert.Equal(t, c.cause, f.Cause, c.title)
		assert.Equal(t, doctor.Problem, f.Level, c.title)
		assert.Equal(t, []string{"apply", "--target", "m1"}, f.Fix, c.title)
	}
}

func TestThePortIsTakenByWhom(t *testing.T) {
	h := master("m1", looping(etcdUnit, `etcd[9]: {"level":"fatal","error":"listen tcp 10.0.0.1:2379: bind: address already in use"}`))
	h.Health.Listeners = []api.Listener{{Port: 2379, PID: 77, Command: "nc", Unit: "squatter.service"}, {Port: 2380, PID: 78}}
	f := find(t, doctor.Diagnose(input(h)), "m1/etcd.service/restarting")
	assert.Equal(t, "port 2379 is taken by process 77 (nc) of squatter.service", f.Cause)
	assert.Equal(t, 77, f.Taken.PID)
	assert.Contains(t, f.First, "systemctl disable --now squatter.service")
}

func TestChangedInputsAreNamed(t *testing.T) {
	h := master("m1", looping(kubelet))
	h.Drift = []doctor.Drift{{Address: `file["/etc/kubernetes/kubelet.yaml"]`, Text: "content is a instead of b", Units: []string{kubelet}}}
	found := doctor.Diagnose(input(h))
	f := find(t, found, "m1/kubelet.service/restarting")
	assert.Equal(t, "what it works with was changed on the host", f.Cause)
	assert.Equal(t, []string{`file["/etc/kubernetes/kubelet.yaml"]: content is a instead of b`}, f.Changed)
	assert.Equal(t, doctor.Note, found[len(found)-1].Level)
}

func TestWhatIsGoneUnderARunningServiceIsAProblem(t *testing.T) {
	h := master("m1")
	h.Drift = []doctor.Drift{{Address: `binary["/usr/local/bin/kubelet"]`, Text: "missing", Units: []string{kubelet}, Missing: true}}
	find(t, doctor.Diagnose(input(h)), "m1/kubelet.service/lost")
	h.Drift[0].Missing = false
	assert.True(t, doctor.Healthy(doctor.Diagnose(input(h))), "what only differs is a note")
}

func TestADropInIsNamed(t *testing.T) {
	u := looping(server, "kube-apiserver[1]: Error: unknown flag: --x")
	u.DropIns = []string{"/etc/systemd/system/kube-apiserver.service.d/10-x.conf"}
	found := doctor.Diagnose(input(master("m1", u)))
	assert.Contains(t, find(t, found, "m1/kube-apiserver.service/restarting").First, "remove /etc/systemd/system/kube-apiserver.service.d/10-x.conf")
	u = running(server)
	u.DropIns = []string{"/etc/systemd/system/kube-apiserver.service.d/10-x.conf"}
	found = doctor.Diagnose(input(master("m1", u)))
	assert.True(t, doctor.Healthy(found))
	find(t, found, "m1/kube-apiserver.service/drop-in")
}

func TestEtcdDownOnTwoOfThreeExplainsTheRest(t *testing.T) {
	refused := `etcd client: dial tcp 10.0.0.1:2379: connect: connection refused`
	m1 := master("m1", looping(server, refused))
	m1.Probes = []doctor.Probe{{Unit: etcdUnit, URL: "http://127.0.0.1:2381/readyz", Error: "503 Service Unavailable\n[-]linearizable_read failed: no leader"}}
	m2 := master("m2", looping(etcdUnit, "open /var/lib/etcd: permission denied"), looping(server, refused))
	in := input(m1, m2, doctor.Host{Name: "m3", Master: true, Etcd: true, Joins: true, Error: "no route to host"})
	in.APIError, in.EtcdError, in.Nodes, in.Etcd = "context deadline exceeded", "context deadline exceeded", nil, nil
	found := doctor.Diagnose(in)
	all := ids(found)
	assert.Equal(t, []string{"m3/unreachable", "m2/etcd.service/restarting"}, all[:2], "what nothing explains is first")
	quorum := find(t, found, "cluster/etcd-quorum")
	assert.Contains(t, quorum.Summary, "0 of 3 members work, 2 are needed")
	assert.Contains(t, quorum.Summary, "m3 (does not answer)")
	assert.Contains(t, quorum.Because, "m2/etcd.service/restarting")
	api := find(t, found, "m1/kube-apiserver.service/restarting")
	assert.Contains(t, api.Because, "cluster/etcd-quorum")
	waiting := find(t, found, "m1/etcd.service/not-ready")
	assert.ElementsMatch(t, []string{"m3/unreachable", "m2/etcd.service/restarting"}, waiting.Because, "a member without a quorum did not end it")
	assert.Less(t, slices.Index(all, "cluster/etcd-quorum"), slices.Index(all, "m1/kube-apiserver.service/restarting"))
	assert.Less(t, slices.Index(all, "m1/kube-apiserver.service/restarting"), slices.Index(all, "cluster/api"))
}

func TestOneOfThreeIsNoLostQuorum(t *testing.T) {
	in := input(master("m1"), master("m2"), master("m3", looping(etcdUnit, "crc mismatch")))
	in.Etcd[2] = etcd.MemberStatus{Reason: "connection refused"}
	in.Etcd[2].Name = "m3"
	found := doctor.Diagnose(in)
	assert.NotContains(t, ids(found), "cluster/etcd-quorum")
	assert.Equal(t, []string{"m3/etcd.service/restarting"}, find(t, found, "cluster/m3/etcd-member").Because)
}

func TestAServiceWaitsForWhatItNeedsOnItsHost(t *testing.T) {
	in := input(master("m1", looping(kubelet, "dial unix /run/containerd/containerd.sock: connect: connection refused"), api.Unit{Name: containerd, Load: "loaded", Active: "inactive", Enabled: "enabled"}))
	in.Nodes[0] = kube.NodeStatus{Name: "m1", Reason: "container runtime is down"}
	found := doctor.Diagnose(in)
	assert.Equal(t, []string{"m1/containerd.service/stopped", "m1/kubelet.service/restarting", "m1/node-not-ready"}, ids(found))
	assert.Equal(t, []string{"m1/containerd.service/stopped"}, found[1].Because)
	assert.Contains(t, found[2].Because, "m1/kubelet.service/restarting")
}

func TestHostsThemselves(t *testing.T) {
	day := 24 * time.Hour
	h := master("m1")
	h.NoSwap = true
	h.Health.Swaps, h.Health.MemoryKiB = []string{"/dev/sdb"}, 1000
	h.Health.Disks = []api.Space{
		{Path: "/", Device: "1", Total: 100 << 30, Free: 1 << 20}, {Path: "/var/log", Device: "1", Total: 100 << 30, Free: 1 << 20},
		{Path: "/var/lib/etcd", Device: "2", Total: 100 << 30, Free: 50 << 30, Inodes: 1000, InodeFree: 1},
		{Path: "/srv", Device: "3", Total: 100 << 30, Free: 8 << 30}, {Path: "/ro", Device: "4", Total: 1 << 30, Free: 1 << 30, ReadOnly: true},
		{Path: "/ok", Device: "5", Total: 1 << 30, Free: 1 << 29}, {Path: "/gone", Error: "no such file"},
	}
	h.Health.Certs = []api.Cert{{Path: "/a.crt", NotAfter: now.Add(-day)}, {Path: "/b.crt", NotAfter: now.Add(20 * day)},
		{Path: "/c.crt", NotAfter: now.Add(100 * day)}, {Path: "/d.crt", NotAfter: now.Add(300 * day)}, {Path: "/e.crt", Error: "it is missing"}}
	h.Certs = map[string]time.Duration{"/a.crt": 120 * day, "/b.crt": 120 * day, "/c.crt": 120 * day, "/d.crt": 120 * day, "/e.crt": 120 * day}
	h.Restarts = map[string]facts.Restart{kubelet: {Action: "restart", Cause: "the file"}}
	h.Health.Lock = &api.Holder{Holder: "bob@desk", Since: now}
	found := doctor.Diagnose(input(h))
	levels := map[string]doctor.Level{}
	for _, f := range found {
		levels[f.ID] = f.Level
	}
	assert.Equal(t, map[string]doctor.Level{
		"m1///disk-full": doctor.Problem, "m1//var/lib/etcd/disk-full": doctor.Problem, "m1//srv/disk-filling": doctor.Note, "m1//ro/read-only": doctor.Problem,
		"m1//a.crt/certificate": doctor.Problem, "m1//b.crt/certificate": doctor.Problem, "m1//c.crt/certificate": doctor.Note, "m1//e.crt/certificate": doctor.Problem,
		"m1/swap": doctor.Problem, "m1/memory": doctor.Problem, "m1/kubelet.service/pending-restart": doctor.Problem, "m1/locked": doctor.Note,
	}, levels)
}

// A component says how much of a file system it needs free, and why.
func TestRoomThatAComponentNeedsIsToldWithItsReason(t *testing.T) {
	h := master("m1")
	h.Health.Disks = []api.Space{{Path: "/", Device: "1", Total: 100, Free: 40}, {Path: "/srv/a", Device: "1", Total: 100, Free: 40}, {Path: "/srv/b", Device: "2", Total: 100, Free: 60}}
	h.Folders = []component.Folder{{Path: "/srv/a", Room: 50, Why: "a stops"}, {Path: "/srv/b", Room: 50, Why: "b stops"}}
	found := doctor.Diagnose(input(h))
	require.Equal(t, []string{"m1//srv/a/disk-filling"}, ids(found))
	assert.Equal(t, "a stops", found[0].Cause)
}

func TestTheClockThatDiffersFromTheOthersIsNamed(t *testing.T) {
	m1, m2, m3 := master("m1"), master("m2"), master("m3")
	// The operator's own clock is an hour off: nobody's fault.
	m1.Skew, m2.Skew, m3.Skew = time.Hour, time.Hour-5*time.Minute, time.Hour+time.Second
	found := doctor.Diagnose(input(m1, m2, m3))
	require.Equal(t, []string{"m2/clock"}, ids(found))
	assert.Contains(t, found[0].Summary, "5m0s behind")
	m2.Doubt = 10 * time.Minute
	assert.Empty(t, doctor.Diagnose(input(m1, m2, m3)), "a slow answer proves nothing")
	// Of two, it is the one that is further from the operator's.
	m1.Skew, m2.Skew, m2.Doubt = 0, -time.Hour, 0
	assert.Equal(t, []string{"m2/clock"}, ids(doctor.Diagnose(input(m1, m2))))
}

func TestNewHostsAndHostsOfSeveralClusters(t *testing.T) {
	in := input(master("m1"), doctor.Host{Name: "n9", New: true, Joins: true})
	found := doctor.Diagnose(in)
	assert.Equal(t, []string{"n9/not-set-up"}, ids(found))
	in.Conflict = "hosts of two clusters"
	find(t, doctor.Diagnose(in), "cluster/identity")
	in = doctor.Input{Hosts: []doctor.Host{{Name: "m1", Error: "refused"}}}
	assert.Equal(t, []string{"m1/unreachable"}, ids(doctor.Diagnose(in)), "without a single answer")
}

func TestAlarmsOfEtcd(t *testing.T) {
	in := input(master("m1"))
	in.Etcd[0].Alarms, in.Etcd[0].Healthy, in.Etcd[0].Name = []string{"NOSPACE"}, false, "m1"
	f := find(t, doctor.Diagnose(in), "cluster/m1/etcd-member")
	assert.Contains(t, f.Summary, "NOSPACE")
	assert.Contains(t, f.Cause, "quota")
	assert.Contains(t, f.First, "provision etcd defrag")
}

func TestAnAuthorityThatEndedIsNamedFirst(t *testing.T) {
	end := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	found := doctor.Diagnose(doctor.Input{Founded: true, API: "kube-apiserver.service", APIError: "certificate has expired",
		Authorities: []doctor.Authority{{Name: "cluster", NotAfter: end, Ended: true}, {Name: "etcd", NotAfter: end}}})
	require.NotEmpty(t, found)
	require.Equal(t, "cluster/cluster/certificate", found[0].ID)
	require.Equal(t, []string{"certs", "renew"}, found[0].Fix)
	require.Equal(t, doctor.Problem, found[0].Level)
	for _, f := range found {
		if f.ID == "cluster/etcd/certificate" {
			require.Equal(t, doctor.Note, f.Level, "it is due, and works")
		}
	}
}

func TestAnEtcdMemberThatWasRemovedIsNamed(t *testing.T) {
	data := func(member string) *facts.EtcdData { return &facts.EtcdData{Member: member, Cluster: "c1"} }
	known := func() doctor.Input {
		in := input(master("m1"), master("m2"), master("m3", looping(etcdUnit, "the member has been permanently removed from the cluster")))
		in.EtcdCluster = "c1"
		for i, name := range []string{"m1", "m2"} {
			in.Hosts[i].EtcdData = data(fmt.Sprint(i + 1))
			in.Etcd[i].ID, in.Etcd[i].Name = uint64(i+1), name
		}
		in.Hosts[2].EtcdData, in.Hosts[2].PeerURL = data("3"), "https://10.0.0.3:2380"
		in.Etcd = in.Etcd[:2]
		return in
	}
	fix := []string{"apply", "--target", "m3"}
	for title, test := range map[string]struct {
		change        func(in *doctor.Input)
		what, summary string
	}{
		"by hand": {func(*doctor.Input) {}, "etcd-removed", "member 3, which was removed"},
		"a learner stands for it": {func(in *doctor.Input) {
			in.Etcd = append(in.Etcd, etcd.MemberStatus{Member: cluster.Member{ID: 9, Learner: true, PeerURLs: []string{"https://10.0.0.3:2380"}}, Reason: "it has not started yet"})
		}, "etcd-removed", "member 3, which was removed"},
		"data moved away": {func(in *doctor.Input) { in.Hosts[2].EtcdData, in.Hosts[2].NoEtcdData = nil, true }, "etcd-removed", "is no member"},
		"data lost": {func(in *doctor.Input) {
			in.Hosts[2].EtcdData, in.Hosts[2].NoEtcdData = nil, true
			in.Etcd = append(in.Etcd, etcd.MemberStatus{Member: cluster.Member{ID: 3, Name: "m3"}, Reason: "refused"})
		}, "etcd-lost", "its data are gone"},
		"another cluster's": {func(in *doctor.Input) { in.Hosts[2].EtcdData.Cluster = "c2" }, "etcd-foreign", "another etcd cluster, c2"},
	} {
		t.Run(title, func(t *testing.T) {
			in := known()
			test.change(&in)
			found := doctor.Diagnose(in)
			require.Equal(t, "m3/"+test.what, found[0].ID, "%v", ids(found))
			assert.Contains(t, found[0].Summary, test.summary)
			assert.Equal(t, fix, found[0].Fix)
			unit := find(t, found, "m3/etcd.service/restarting")
			assert.Contains(t, unit.Because, found[0].ID)
			assert.Empty(t, unit.First, "apply does it")
			for _, f := range found {
				assert.NotContains(t, f.Summary, "member  ", "it has a name")
				if f.What == "etcd-member" {
					assert.Equal(t, "cluster/m3/etcd-member", f.ID)
					assert.Equal(t, fix, f.Fix)
					assert.Contains(t, f.Because, found[0].ID)
				}
			}
		})
	}
	in := known()
	in.Hosts[2].EtcdData = data("2")
	assert.Negative(t, slices.IndexFunc(doctor.Diagnose(in), func(f doctor.Finding) bool { return f.What == "etcd-removed" }), "a member still")
	in = known()
	in.EtcdError = "no leader"
	assert.Negative(t, slices.IndexFunc(doctor.Diagnose(in), func(f doctor.Finding) bool { return f.What == "etcd-removed" }), "nobody can tell")
}
