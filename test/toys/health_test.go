package toys_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/doctor"
	"provision/provision/fleettest"
	"provision/provision/inventory"
	"provision/provision/preflight"
	"provision/provision/status"
	"provision/provision/support"
	"provision/test/toys/depot"
)

// say has the others say something of a depot.
func say(f *fleettest.Fleet, name, what string) {
	object := maps.Clone(f.API.Object(depot.Members))
	data := maps.Clone(object["data"].(map[string]any))
	address, _ := data[name].(string)
	address, _, _ = strings.Cut(address, " ")
	data[name] = address + " " + what
	object["data"] = data
	f.API.Put(depot.Members, object)
}

// diagnose is what the doctor finds on s1.
func diagnose(t *testing.T, f *fleettest.Fleet, inv *inventory.Inventory) []doctor.Finding {
	t.Helper()
	o := operator(f, inv)
	d, err := o.Doctor(t.Context())
	require.NoError(t, err)
	require.NoError(t, o.Close())
	return slices.DeleteFunc(d.Findings, func(found doctor.Finding) bool { return found.Host != "s1" })
}

func statusOf(t *testing.T, f *fleettest.Fleet, inv *inventory.Inventory, host string) (*status.Status, status.HostStatus) {
	t.Helper()
	o := operator(f, inv)
	s, err := o.Status(t.Context())
	require.NoError(t, err)
	require.NoError(t, o.Close())
	at := slices.IndexFunc(s.Hosts, func(h status.HostStatus) bool { return h.Name == host })
	return s, s.Hosts[at]
}

func TestDoctorAndStatusSayWhatADepotSaysOfItself(t *testing.T) {
	inv := load(t, depots("", "s1"))
	f := boot(t, inv)
	apply(t, f, inv)
	assert.Empty(t, diagnose(t, f, inv))
	s, h := statusOf(t, f, inv, "s1")
	assert.True(t, s.Healthy())
	assert.Contains(t, h.Services, status.ServiceStatus{Unit: depot.Unit, Component: depot.Name, State: "running"})

	say(f, "s1", "behind")
	found := diagnose(t, f, inv)
	require.Len(t, found, 1)
	assert.Equal(t, depot.Unit, found[0].Unit)
	assert.Contains(t, found[0].Summary+found[0].Cause, "member is behind instead of healthy")
	s, h = statusOf(t, f, inv, "s1")
	assert.False(t, s.Healthy())
	assert.Contains(t, h.Services, status.ServiceStatus{Unit: depot.Unit, Component: depot.Name, State: "unhealthy", Why: "member is behind instead of healthy"})
	f.API.Break(assert.AnError)
	_, h = statusOf(t, f, inv, "s1")
	assert.Contains(t, h.Services, status.ServiceStatus{Unit: depot.Unit, Component: depot.Name, State: "running"}, "nobody can tell")
	f.API.Break(nil)
	say(f, "s1", "healthy")

	greedy := load(t, depots("keep_free = 100", "s1"))
	apply(t, f, greedy)
	found = diagnose(t, f, greedy)
	require.Len(t, found, 1)
	assert.Equal(t, "s1", found[0].Host)
	assert.Contains(t, found[0].Summary, "short of room at /srv/s1")
	assert.Equal(t, "a depot takes no more blobs below keep_free", found[0].Cause)
	_, h = statusOf(t, f, greedy, "s1")
	assert.Equal(t, []string{"/srv/s1"}, h.ShortOfRoom)
}

// The next host's turn comes when the others say that this one is healthy again.
func TestARolloutWaitsForTheHealthOfADepot(t *testing.T) {
	inv := load(t, depots("", "s1", "s2"))
	f := boot(t, inv)
	apply(t, f, inv)
	say(f, "s1", "behind")
	after := load(t, depots("keep_free = 11", "s1", "s2"))
	var mu sync.Mutex
	var order []string
	note := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, what)
	}
	apply(t, f, after, func(o *provision.Options) {
		o.Point = func(name string) {
			switch name {
			case `done cluster/depotpause["s1 pause"]`:
				time.AfterFunc(500*time.Millisecond, func() { note("healthy"); say(f, "s1", "healthy") })
			case `done s1/unit["depot.service"]`, `done cluster/depotpause["s2 pause"]`:
				note(name)
			}
		}
	})
	assert.Equal(t, []string{"healthy", `done s1/unit["depot.service"]`, `done cluster/depotpause["s2 pause"]`}, order)
	settled(t, f, after)
}

func TestPreflightJudgesWhatADepotNeeds(t *testing.T) {
	inv := load(t, depots("keep_free = 100", "s1"))
	f, err := fleettest.New(fleettest.Folder(t), fleettest.Options{})
	require.NoError(t, err)
	t.Cleanup(f.Close)
	require.NoError(t, f.Boot(inv))
	o := operator(f, inv)
	seen, err := o.Preflight(t.Context(), true)
	require.NoError(t, err)
	require.NoError(t, o.Close())
	var told []string
	for _, found := range seen.Findings {
		if found.Host == "s1" {
			told = append(told, string(found.Severity)+": "+found.What+": "+found.Why)
		}
	}
	text := strings.Join(told, "\n")
	assert.Contains(t, text, string(preflight.Error)+": its kernel lacks the modules loop: depot needs them", "although it is no Node")
	assert.Contains(t, text, "a depot takes no more blobs below keep_free")
	for _, found := range seen.Findings {
		assert.False(t, found.Host == "n1" && strings.Contains(found.Why, "depot"), "%+v", found)
	}
}

func TestSupportTakesWhatADepotHas(t *testing.T) {
	s := depots("", "s1")
	s.rest += twoBoards
	inv := load(t, s)
	f := boot(t, inv)
	apply(t, f, inv)
	o := operator(f, inv)
	h, err := o.History(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, h.Runs)
	assert.Equal(t, "1.4.0", h.Runs[0].Versions["depot"], "the record of a run has all versions")
	var out bytes.Buffer
	archive := support.New(&out, "s", time.Now(), support.NewMask())
	_, err = o.Support(t.Context(), archive, 10)
	require.NoError(t, err)
	require.NoError(t, o.Close())
	_, err = archive.Close()
	require.NoError(t, err)
	content := unpack(t, &out)
	assert.Contains(t, content["inventory.json"], "board-news")
	assert.NotContains(t, strings.Join(slices.Collect(maps.Values(content)), "\n"), "sesame", "the code of a board")
	assert.Contains(t, content["hosts/s1/metrics.json"], `"port": 7900`)
	assert.Contains(t, content["hosts/s1/files/etc/depot/depot.conf"], "keep-free 10")
	assert.Contains(t, content["hosts/s1/health.json"], "/srv/s1")
	assert.Contains(t, content, "hosts/s1/journal/depot.service.log")
	for name := range content {
		assert.NotEqual(t, ".key", filepath.Ext(name))
	}
}

func unpack(t *testing.T, packed io.Reader) map[string]string {
	t.Helper()
	plain, err := gzip.NewReader(packed)
	require.NoError(t, err)
	content := map[string]string{}
	for files := tar.NewReader(plain); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return content
		}
		require.NoError(t, err)
		text, err := io.ReadAll(files)
		require.NoError(t, err)
		_, name, _ := strings.Cut(header.Name, "/")
		content[name] = string(text)
	}
}
