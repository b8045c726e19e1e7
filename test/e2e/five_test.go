//go:build e2e

package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// five are the journeys on inventories/lab.hcl, which share one cluster. The
// lab has one host more, for the journey that adds it.
func (s *suite) five(t *testing.T) {
	c := s.boot(t, "five", sample("lab.hcl"), extra("n3.hcl"))
	c.files = []string{sample("lab.hcl")}
	for _, host := range c.hosts() {
		c.countChannels(t, host)
	}
	require.True(t, t.Run("create", c.create))
	t.Run("no-op", c.noop)
	t.Run("pods", c.podToPod)
	t.Run("labels", c.labels)
	t.Run("attributes", c.attributes)
	t.Run("drift", c.drift)
	t.Run("one node more", c.addNode)
	t.Run("front-proxy", c.frontProxy)
	t.Run("one master lost", c.masterLost)
}

// create makes the cluster.
func (c *cluster) create(t *testing.T) {
	r := c.apply(t)
	c.seconds(t, "create five hosts", r.took)
	c.seconds(t, "DNS answering after that", c.answersDNS(t, "n1"))
	a, _ := c.tunnel(t)
	a.allReady(t, "m1", "m2", "m3", "n1", "n2")
	st := c.status(t)
	assert.True(t, st.healthy(), "%s", st)
	assert.Len(t, st.Etcd, 3)
	c.whole = c.snapshot(t)
}

// noop applies again: nothing changes, nothing restarts, nothing is written.
func (c *cluster) noop(t *testing.T) {
	before := c.traces(t, c.applied(t)...)
	channels := c.channels(t)
	r := c.apply(t)
	c.seconds(t, "no-op apply", r.took)
	assert.Contains(t, r.out, "Nothing changes")
	for host, n := range c.channels(t) {
		assert.Positive(t, n-channels[host], "exec channels on %s are counted", host)
		assert.LessOrEqual(t, n-channels[host], 2, "exec channels on %s", host)
	}
	c.unchanged(t)
	for host, want := range before {
		assert.Equal(t, want, c.trace(t, host), "host %s", host)
	}
}

// podToPod talks across hosts, by address and by name, both ways.
func (c *cluster) podToPod(t *testing.T) {
	a, _ := c.tunnel(t)
	c.pods(t, a, map[string]string{"east": "n1", "west": "n2"})
	for from, to := range map[string]string{"east": "west", "west": "east"} {
		ip := a.do(t, "get", "pod", to, "-o", "jsonpath={.status.podIP}")
		assert.True(t, strings.HasPrefix(c.in(t, a, from, "get", "http://"+ip+":8080/"), to+" to "), "by address, from %s", from)
		assert.True(t, strings.HasPrefix(c.in(t, a, from, "get", "http://"+to+"/"), to+" to "), "by name, from %s", from)
		assert.NotEmpty(t, c.in(t, a, from, "resolve", to+".default.svc.cluster.local"))
		assert.Contains(t, a.do(t, "logs", from), "serves on :8080", "logs go through the API server to the kubelet")
	}
}

// status is what the journeys read of `provision status --json`.
type status struct {
	Hosts []struct {
		Name  string
		Error string
		Node  *struct{ Ready bool }
	}
	Etcd []struct {
		Name    string
		Healthy bool
		Learner bool
	}
	APIError  string `json:"api_error"`
	EtcdError string `json:"etcd_error"`
}

func (s status) String() string {
	text, _ := json.Marshal(s) // plain data
	return string(text)
}

func (s status) healthy() bool {
	ok := s.APIError == "" && s.EtcdError == ""
	for _, h := range s.Hosts {
		ok = ok && h.Error == "" && h.Node != nil && h.Node.Ready
	}
	for _, m := range s.Etcd {
		ok = ok && m.Healthy
	}
	return ok
}

func (c *cluster) status(t *testing.T) status {
	t.Helper()
	r := c.verb(t, "status", "--json")
	var st status
	require.NoError(t, json.Unmarshal([]byte(r.out), &st), "%s", r.all())
	return st
}
