package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/cmd/provision/internal/cli"
	"provision/provision"
	"provision/provision/etcd"
)

func TestStatusKeepsLongTextsOutOfItsTables(t *testing.T) {
	long := "cannot reach m1 at 10.0.0.1: dial tcp 10.0.0.1:22: connect: no route to host; is it on?"
	reason := "context deadline exceeded while waiting for the connection to be made"
	s := &provision.Status{Cluster: "dc1", Target: "hosts", Hosts: []provision.HostStatus{{Name: "m1", Address: "10.0.0.1", Error: long},
		{Name: "m2", Address: "10.0.0.2", Services: []provision.ServiceStatus{{Unit: "kube-scheduler.service", State: "runs but does not answer"}, {Unit: "a.service", State: "running"}}}},
		Etcd: []etcd.MemberStatus{{Reason: reason}}}
	var out bytes.Buffer
	require.NoError(t, showStatus((&cli.Global{Streams: cli.Streams{Out: &out}}), s))
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, "10.0.0.1  ") {
			assert.Contains(t, line, "…")
			assert.NotContains(t, line, "is it on?")
		}
	}
	assert.Contains(t, out.String(), "\nm1: "+long+"\n")
	assert.Contains(t, out.String(), ": "+reason+"\n")
	assert.Contains(t, out.String(), "kube-scheduler runs but does not answer")
}

func TestDoctorTellsWhereInventoriesGo(t *testing.T) {
	assert.NoError(t, cli.NoInventories([]string{"m1", "n3.rack"}))
	for _, arg := range []string{"inv.hcl", "inventories/x"} {
		assert.ErrorContains(t, cli.NoInventories([]string{"m1", arg}), "give the inventory with -i")
	}
}
