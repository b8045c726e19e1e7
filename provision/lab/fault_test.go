package lab

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseDisk(t *testing.T) {
	for text, want := range map[string]Disk{
		"/var/lib/etcd=512M": {Path: "/var/lib/etcd", Size: 512 << 20},
		"m1:/=2G":            {Host: "m1", Path: "/", Size: 2 << 30},
		"/x=32768K":          {Path: "/x", Size: 32 << 20},
	} {
		got, err := ParseDisk(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got)
	}
	for _, text := range []string{"", "/x", "/x=", "/x=12", "/x=-1G", "x=1G", "/x/../y=1G", "/x=99999999999G", "/x=1T", "m1:m2:/x=1G", "/a\nb=1G"} {
		_, err := ParseDisk(text)
		assert.Error(t, err, text)
	}
}

func TestADiskThatNamesTheHostWins(t *testing.T) {
	all := []Disk{{Path: "/", Size: 1}, {Host: "a", Path: "/", Size: 2}, {Host: "b", Path: "/x", Size: 3}}
	assert.Equal(t, []Disk{{Path: "/", Size: 2}}, disksOf(all, "a"))
	assert.Equal(t, []Disk{{Path: "/x", Size: 3}, {Path: "/", Size: 1}}, disksOf(all, "b"))
}

func TestBlockRules(t *testing.T) {
	h := hostState{Machine: "h3", Address: netip.MustParseAddr("192.0.2.1")}
	all := blockRules(h, "ip", nil, nil)
	assert.Contains(t, all, "oifname \"vb-h3\" drop\n")
	assert.Contains(t, all, "iifname \"vb-h3\" drop\n")
	assert.Contains(t, all, "delete table bridge block_h3\n", "rules of before are replaced")
	some := blockRules(h, "ip", []string{"192.0.2.7", "192.0.2.8"}, []int{22, 6443})
	assert.Contains(t, some, "oifname \"vb-h3\" ip saddr { 192.0.2.7, 192.0.2.8 } tcp dport { 22, 6443 } drop\n")
	assert.NotContains(t, some, "iifname", "what the host sends to ports of others passes")
}

func TestEachKindOfFaultCanBeMadeAndSaysWhatItIs(t *testing.T) {
	kinds := []FaultKind{FaultNetwork, FaultBlock, FaultRate, FaultSlow, FaultFreeze, FaultDisk, FaultReadOnly, FaultClock}
	for _, k := range kinds {
		d, err := damageOf(k)
		require.NoError(t, err)
		assert.NotNil(t, d.inject, k)
		assert.NotNil(t, d.fix, k)
		assert.GreaterOrEqual(t, fixOrder(k), 0, k)
		assert.NotEmpty(t, Fault{Kind: k}.String())
	}
	_, err := damageOf("earthquake")
	assert.ErrorContains(t, err, "no such kind")
	assert.Equal(t, "drops traffic to ports [22] of m2, operator", Fault{Kind: FaultBlock, From: []string{"m2", Operator}, Ports: []int{22}}.String())
	assert.Equal(t, "clock off by 1h0m0s", Fault{Kind: FaultClock, Offset: time.Hour}.String())
}

func TestFaultsAreRefusedWhereTheyCannotBe(t *testing.T) {
	dir := t.TempDir()
	s := &state{Version: stateVersion, Name: "x", ID: "x", Hosts: []hostState{{Name: "a", Kind: Container, Machine: "h0"}}}
	l := &Lab{dir: dir, state: s}
	for _, c := range []struct {
		f    Fault
		want string
	}{
		{Fault{Host: "b", Kind: FaultFreeze}, `cannot find host "b"`},
		{Fault{Host: "a", Kind: FaultFreeze}, "the host is off"},
		{Fault{Host: "a", Kind: FaultClock}, "a container has this machine's clock"},
		{Fault{Host: "a", Kind: FaultRate, Rate: 10}, "the least"},
		{Fault{Host: "a", Kind: FaultDisk, Path: "../etc"}, "absolute"},
		{Fault{Host: "a", Kind: FaultBlock, Ports: []int{70000}}, "ports are 1 to 65535"},
	} {
		assert.ErrorContains(t, l.Inject(t.Context(), c.f), c.want)
	}
	faults, err := l.Faults()
	require.NoError(t, err)
	assert.Empty(t, faults)
}
