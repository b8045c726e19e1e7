package preflight

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/test/faults"
)

func all(Host) bool { return true }

// fleet is three masters with etcd and nodes in racks of forty.
func fleet(nodes int) []Host {
	var hosts []Host
	for i := range 3 {
		hosts = append(hosts, fit(fmt.Sprintf("m%d", i+1), fmt.Sprintf("10.0.0.%d", i+1), inventory.RoleEtcd, inventory.RoleMaster))
	}
	for i := range nodes {
		hosts = append(hosts, fit(fmt.Sprintf("n%04d", i), fmt.Sprintf("10.0.%d.%d", 1+i/40, 1+i%40), inventory.RoleNode))
	}
	return hosts
}

func TestPairsGrowWithTheNumberOfHosts(t *testing.T) {
	counts := map[int]int{}
	for _, nodes := range []int{97, 997} {
		hosts := fleet(nodes)
		n := len(hosts)
		links := Links(input(hosts...).Inventory, hosts, false, all)
		racks := (nodes+39)/40 + 1
		most := 2*3*n + 2*3*n + racks*racks // masters with all, three peers each, subnets
		assert.LessOrEqual(t, Pairs(links), most)
		counts[n] = Pairs(links)
		seen := map[[2]string]bool{}
		for _, l := range links {
			seen[[2]string{l.From, l.To}] = true
			assert.NotEqual(t, l.From, l.To)
		}
		for _, h := range hosts[1:] {
			assert.True(t, seen[[2]string{"m1", h.Name}] && seen[[2]string{h.Name, "m1"}], "a master and %s, both ways", h.Name)
		}
		peers := 0
		for _, h := range hosts[3:] {
			if seen[[2]string{"n0000", h.Name}] {
				peers++
			}
		}
		assert.GreaterOrEqual(t, peers, 3)
	}
	assert.Less(t, counts[1000], 12*counts[100])
	faults.Record(t, "preflight-linear", "preflight's host-to-host tests grow with the number of hosts, not with its square",
		"clusters of 100 and 1,000 hosts in racks of 40", "%d and %d pairs (all pairs: 9900 and 999000)", counts[100], counts[1000])
}

func TestFullIsAllWithAll(t *testing.T) {
	hosts := fleet(7)
	links := Links(input(hosts...).Inventory, hosts, true, all)
	assert.Equal(t, 10*9, Pairs(links))
}

func TestTheChoiceOfPairsDependsOnTheHostsOnly(t *testing.T) {
	hosts := fleet(50)
	inv := input(hosts...).Inventory
	assert.Equal(t, len(Links(inv, hosts, false, all)), len(Links(inv, hosts, false, all)))
	assert.Equal(t, Links(inv, hosts, false, all)[100].To, Links(inv, hosts, false, all)[100].To)
}

func TestEachTwoSubnetsHaveAPair(t *testing.T) {
	hosts := fleet(120)[3:] // without masters
	links := Links(input(hosts...).Inventory, hosts, false, all)
	seen := map[string]bool{}
	for _, l := range links {
		from, _ := input(hosts...).Inventory.Host(l.From)
		to, _ := input(hosts...).Inventory.Host(l.To)
		seen[fmt.Sprint(netip.PrefixFrom(from.Address, 24).Masked(), netip.PrefixFrom(to.Address, 24).Masked())] = true
	}
	for _, a := range []string{"10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"} {
		for _, b := range []string{"10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"} {
			assert.True(t, a == b || seen[a+b] || seen[a+" "+b], "%s and %s", a, b)
		}
	}
}

func TestLinksAreWhatComponentsNeed(t *testing.T) {
	hosts := three()
	links := Links(input(hosts...).Inventory, hosts, false, all)
	has := func(from, to string, port int) *Link {
		for i, l := range links {
			if l.From == from && l.To == to && l.Port.Number == port {
				return &links[i]
			}
		}
		return nil
	}
	assert.NotNil(t, has("n1", "m1", 6443))
	assert.NotNil(t, has("m1", "n1", 10250))
	assert.Nil(t, has("n1", "m1", 10250), "nodes do not reach kubelets")
	assert.Nil(t, has("n1", "m1", 7443), "loopback")
	require.NotNil(t, has("n1", "m1", 8472))
	assert.Equal(t, 1472, has("n1", "m1", 8472).Size)
	assert.Equal(t, []api.Port{{Number: 10250}, {Number: 8472, UDP: true}}, Listening(hosts[1].Name, links))
}

func TestLiveServicesAreTriedAsTheyAre(t *testing.T) {
	hosts := three()
	hosts[0] = runs(hosts[0])
	links := Links(input(hosts...).Inventory, hosts, false, Host.New)
	for _, l := range links {
		if l.To == "m1" {
			assert.True(t, l.Live && !l.Port.UDP, "%+v", l)
		}
	}
	assert.Empty(t, Listening(hosts[0].Name, links), "nothing is opened beside running services")
	hosts[0].Found.Taken = nil
	for _, l := range Links(input(hosts...).Inventory, hosts, false, all) {
		assert.NotEqual(t, "m1", l.To, "its services do not run yet: there is nobody to answer")
	}
	hosts[0].Found = nil
	l := Link{Live: true}
	l.Reached(hosts[0], &api.ReachFailure{Code: api.ReachRefused})
	assert.Nil(t, l.Failure, "a refusal shows that the way is free")
	l.Reached(hosts[0], &api.ReachFailure{Code: api.ReachTimeout})
	assert.NotNil(t, l.Failure)
	working := []Host{runs(hosts[1]), runs(hosts[2])}
	assert.Empty(t, Links(input(working...).Inventory, working, false, Host.New), "hosts that all work are not concerned")
}

// tried is an input in which the links that break says no to failed.
func tried(hosts []Host, broken func(l Link) *api.ReachFailure) Input {
	in := input(hosts...)
	in.Links = Links(in.Inventory, hosts, false, all)
	for i := range in.Links {
		in.Links[i].Failure = broken(in.Links[i])
	}
	return in
}

func TestTheEndThatIsTheCauseIsBlamed(t *testing.T) {
	timeout := &api.ReachFailure{Code: api.ReachTimeout}
	cases := []struct {
		title  string
		hosts  []Host
		broken func(l Link) bool
		host   string
		says   string
	}{
		{"a port of one host is closed", fleet(5), func(l Link) bool { return l.To == "m2" && l.Port.Number == 6443 }, "m2", "m1, m3, n0000, n0001, n0002 and 2 more cannot reach its port 6443: no answer"},
		{"one host does not get out", fleet(5), func(l Link) bool { return l.From == "n0003" && l.Port.Number == 6443 }, "n0003", "it cannot reach port 6443 of m1, m2, m3: no answer"},
		{"one host of a cluster that works", []Host{runs(three()[0]), runs(three()[1]), three()[2]}, func(l Link) bool { return l.From == "n2" && l.Port.Number == 6443 }, "n2", "it cannot reach port 6443 of m1"},
	}
	for _, c := range cases {
		t.Run(c.title, func(t *testing.T) {
			got := Judge(tried(c.hosts, func(l Link) *api.ReachFailure {
				if c.broken(l) {
					return timeout
				}
				return nil
			}))
			require.Len(t, got, 1)
			assert.Equal(t, Error, got[0].Severity)
			assert.Equal(t, Reach, got[0].Check)
			assert.Equal(t, c.host, got[0].Host)
			assert.Contains(t, got[0].What, c.says)
		})
	}
}

func TestReasonsOfUnreachedPorts(t *testing.T) {
	cases := []struct {
		failure  api.ReachFailure
		severity Severity
		check    string
		says     string
	}{
		{api.ReachFailure{Code: api.ReachRefused}, Error, Reach, "a rule rejects it"},
		{api.ReachFailure{Code: api.ReachNoRoute}, Error, Reach, "ip route get"},
		{api.ReachFailure{Code: api.ReachOther}, Error, Reach, "something else answers"},
		{api.ReachFailure{Code: api.ReachUntested}, Warning, Reach, "not tested"},
		{api.ReachFailure{Code: api.ReachTooLarge, Passed: 1422}, Error, MTU, "mtu = 1450"},
	}
	for _, c := range cases {
		t.Run(c.failure.Code, func(t *testing.T) {
			got := Judge(tried(three(), func(l Link) *api.ReachFailure {
				if l.To == "n1" && l.Port.UDP {
					return &c.failure
				}
				return nil
			}))
			require.Len(t, got, 1)
			assert.Equal(t, c.severity, got[0].Severity)
			assert.Equal(t, c.check, got[0].Check)
			assert.Equal(t, "n1", got[0].Host)
			assert.Contains(t, got[0].String(), c.says)
		})
	}
}

func TestAFirewallOfTheHostIsNamed(t *testing.T) {
	hosts := three()
	hosts[1].Found.Firewall.Closed = []string{"inet filter input"}
	got := Judge(tried(hosts, func(l Link) *api.ReachFailure {
		if l.To == "n1" && !l.Port.UDP {
			return &api.ReachFailure{Code: api.ReachTimeout}
		}
		return nil
	}))
	require.Len(t, got, 1)
	assert.Contains(t, got[0].Remedy, "inet filter input")
}

func TestPayloads(t *testing.T) {
	hosts := three()
	port := hosts[0].Ports[1]
	assert.Equal(t, 1472, payload(hosts[0], port))
	hosts[0].Facts.Addresses[1].MTU = 9000
	assert.Equal(t, 8972, payload(hosts[0], port))
	port.MTU = 1450
	assert.Equal(t, 1422, payload(hosts[0], port), "the inventory's MTU counts")
	six := fit("x", "fd00::1", inventory.RoleNode)
	six.Facts.Addresses = []facts.Address{{CIDR: "fd00::1/64", MTU: 1500}}
	assert.Equal(t, 1452, payload(six, hosts[0].Ports[1]))
	six.Facts.Addresses = nil
	assert.Zero(t, payload(six, hosts[0].Ports[1]), "nothing is known: only a small one is tried")
}
