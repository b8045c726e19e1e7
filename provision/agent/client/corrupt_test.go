package client

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/facts"
	"provision/provision/resource"
	"provision/test/corrupt"
	"provision/test/faults"
)

func goodFacts() facts.Host {
	return facts.Host{Hostname: "m1", MachineID: strings.Repeat("0a", 16), BootID: "6f0c2a52-7a52", Arch: "amd64", Kernel: "6.1.0", CPUs: 8, MemoryKiB: 8 << 20,
		Cgroup: 2, Systemd: 252, Addresses: []facts.Address{{Interface: "eth0", CIDR: "10.0.0.11/24", MTU: 1500}}, Clock: time.Unix(1, 0).UTC(), Resolver: "/etc/resolv.conf", Init: "systemd",
		OS: facts.OS{ID: "debian", Version: "12", Codename: "bookworm", Name: "Debian GNU/Linux 12 (bookworm)"}, Blobs: []string{strings.Repeat("ab", 32)},
		Owned: facts.Owned{Format: 2, Epoch: 3, Identity: &facts.Identity{UUID: "5d9c", Cluster: "dc1", CAs: map[string]string{"etcd": "PEM"}},
			Resources: []facts.Resource{{ID: `file["/etc/x"]`, Triggers: map[string]string{"x.service": "restart"}}, {ID: `unit["x.service"]`}},
			Restarts:  map[string]facts.Restart{"x.service": {Invocation: "00ff", Action: "reload", Cause: `m1/file["/etc/x"]`}},
			Roster:    &facts.Roster{Hosts: []facts.RosterHost{{Name: "m1", Address: "10.0.0.11", Port: 22, User: "ops", Roles: []string{"etcd"}, PodCIDR: "10.32.0.0/24"}}}}}
}

func TestFactsThatNoHostHasAreRefused(t *testing.T) {
	require.NoError(t, checkFacts(goodFacts(), nil))
	for name, spoil := range map[string]func(h *facts.Host){
		"no answer":            func(h *facts.Host) { *h = facts.Host{} },
		"CPUs":                 func(h *facts.Host) { h.CPUs = -5 },
		"memory":               func(h *facts.Host) { h.MemoryKiB = 1 << 62 },
		"hostname":             func(h *facts.Host) { h.Hostname = "a\x1b]0;x\x07" },
		"long OS name":         func(h *facts.Host) { h.OS.Name = strings.Repeat("x", 1<<20) },
		"arch":                 func(h *facts.Host) { h.Arch = "../../x" },
		"machine-id":           func(h *facts.Host) { h.MachineID = "not hex" },
		"resolver":             func(h *facts.Host) { h.Resolver = "/etc/../etc/shadow" },
		"address":              func(h *facts.Host) { h.Addresses[0].CIDR = "10.0.0.300/24" },
		"blob":                 func(h *facts.Host) { h.Blobs[0] = "../../etc/passwd" },
		"present":              func(h *facts.Host) { h.Present = []string{"/nobody/asked"} },
		"entry twice":          func(h *facts.Host) { h.Owned.Resources[1].ID = h.Owned.Resources[0].ID },
		"trigger":              func(h *facts.Host) { h.Owned.Resources[0].Triggers["x.service"] = "stop" },
		"roster's address":     func(h *facts.Host) { h.Owned.Roster.Hosts[0].Address = "somewhere" },
		"roster's pods":        func(h *facts.Host) { h.Owned.Roster.Hosts[0].PodCIDR = "10.32" },
		"cluster without UUID": func(h *facts.Host) { h.Owned.Identity.UUID = "" },
	} {
		h := goodFacts()
		spoil(&h)
		assert.ErrorIs(t, checkFacts(h, nil), errNonsense, name)
	}
}

func TestDamagedFacts(t *testing.T) {
	sample, err := json.Marshal(goodFacts())
	require.NoError(t, err)
	tally := corrupt.Feed(t, 1, func(in []byte) bool {
		var h facts.Host
		if json.Unmarshal(in, &h) != nil || checkFacts(h, nil) != nil {
			return false
		}
		assert.Positive(t, h.CPUs)
		assert.NotContains(t, h.Hostname+h.OS.Name+h.Kernel+h.Lab, "\x1b")
		for _, a := range h.Addresses {
			assert.NotPanics(t, func() { netip.MustParsePrefix(a.CIDR) })
		}
		return true
	}, sample)
	faults.Record(t, "corrupt-facts", "impossible facts are refused with the host's name; accepted ones are within bounds and free of control characters",
		"an agent's facts, damaged", "%d inputs: %d refused, %d within bounds", tally.Inputs, tally.Rejected, tally.Accepted)
}

func TestRebootsThatNoHostMakesAreRefused(t *testing.T) {
	require.NoError(t, checkReboot(api.RebootResult{BootID: "6f0c2a52", State: "running"}))
	for name, r := range map[string]api.RebootResult{
		"no answer":     {},
		"control codes": {BootID: "6f0c2a52", State: "run\x1b[31mning"},
		"two lines":     {BootID: "6f0c\n2a52"},
	} {
		assert.ErrorIs(t, checkReboot(r), errNonsense, name)
	}
	h := goodFacts()
	h.NeedsBoot = []string{"a\x1b]0;x\x07"}
	require.ErrorIs(t, checkFacts(h, nil), errNonsense)
	h = goodFacts()
	h.Owned.Roster.Hosts[0].Reboot = &facts.Reboot{Boot: strings.Repeat("x", 1<<20)}
	require.ErrorIs(t, checkFacts(h, nil), errNonsense)
}

func planned() (api.PlanParams, api.PlanResult) {
	digest := strings.Repeat("cd", 32)
	params := api.PlanParams{Resources: []resource.Resource{
		resource.New("m1", "file", "/etc/a", 1).WithBlobs(digest), resource.New("m1", "file", "/etc/b", 1), resource.New("m1", "unit", "x.service", 1)}}
	return params, api.PlanResult{Digest: strings.Repeat("ef", 32), Missing: map[string]int64{digest: 7}, Running: []string{"x.service"},
		Items: []api.PlanItem{{ID: `file["/etc/a"]`, Changes: []resource.Change{{Field: "content", Old: "1", New: "2"}}},
			{ID: `unit["x.service"]`, Error: &api.Error{Code: api.CodeFailed, Message: "m"}}},
		Removed:  []facts.Resource{{ID: `file["/etc/old"]`}},
		Restarts: map[string]facts.Restart{"x.service": {Invocation: "0f", Action: "restart"}}}
}

func TestComparisonsOfSomethingElseAreRefused(t *testing.T) {
	params, good := planned()
	require.NoError(t, checkPlan(good, params))
	for name, spoil := range map[string]func(r *api.PlanResult){
		"no answer":       func(r *api.PlanResult) { *r = api.PlanResult{} },
		"not asked":       func(r *api.PlanResult) { r.Items[0].ID = `file["/etc/shadow"]` },
		"twice":           func(r *api.PlanResult) { r.Items[1] = r.Items[0] },
		"no difference":   func(r *api.PlanResult) { r.Items[0].Changes = nil },
		"removes wanted":  func(r *api.PlanResult) { r.Removed[0].ID = `file["/etc/b"]` },
		"removes nothing": func(r *api.PlanResult) { r.Removed[0].ID = "" },
		"foreign blob":    func(r *api.PlanResult) { r.Missing = map[string]int64{"x": 1} },
		"negative":        func(r *api.PlanResult) { r.Missing[strings.Repeat("cd", 32)] = -1 },
		"action":          func(r *api.PlanResult) { r.Restarts["x.service"] = facts.Restart{Action: "halt"} },
	} {
		_, r := planned()
		spoil(&r)
		assert.ErrorIs(t, checkPlan(r, params), errNonsense, name)
	}
}

func TestDamagedComparisons(t *testing.T) {
	params, good := planned()
	sample, err := json.Marshal(good)
	require.NoError(t, err)
	asked := map[string]bool{`file["/etc/a"]`: true, `file["/etc/b"]`: true, `unit["x.service"]`: true}
	tally := corrupt.Feed(t, 2, func(in []byte) bool {
		var r api.PlanResult
		if json.Unmarshal(in, &r) != nil || checkPlan(r, params) != nil {
			return false
		}
		for _, item := range r.Items {
			assert.True(t, asked[item.ID])
		}
		for _, gone := range r.Removed {
			assert.False(t, asked[gone.ID])
		}
		return true
	}, sample)
	faults.Record(t, "corrupt-plan-result", "an agent that compares something other than asked, or would remove what is wanted, is refused",
		"an agent's comparison, damaged", "%d inputs: %d refused, %d about what was asked", tally.Inputs, tally.Rejected, tally.Accepted)
}

// A blob has arrived only when the host's line says so, for this very blob.
func TestDamagedAnswersAboutBlobs(t *testing.T) {
	one, two := strings.Repeat("ab", 32), strings.Repeat("cd", 32)
	sample := []byte(`{"sha256":"` + one + `"}` + "\n" + `{"sha256":"` + two + `"}` + "\n")
	refused := []byte(`{"sha256":"` + one + `","have":3,"error":{"code":"failed","message":"disk full"}}` + "\n")
	tally := corrupt.Feed(t, 3, func(in []byte) bool {
		arrived := map[string]bool{}
		list := []Blob{{SHA256: one, Arrived: func() { arrived[one] = true }}, {SHA256: two, Arrived: func() { arrived[two] = true }}}
		err := collect(bufio.NewReader(bytes.NewReader(in)), list)
		for digest := range arrived {
			assert.Contains(t, string(in), digest)
		}
		if err == nil {
			assert.Len(t, arrived, 2)
		}
		return err == nil
	}, sample, refused)
	faults.Record(t, "corrupt-blob-replies", "a blob counts as arrived only when the host names it", "a receiver's answers, damaged",
		"%d inputs: %d refused, %d named both blobs", tally.Inputs, tally.Rejected, tally.Accepted)
}
