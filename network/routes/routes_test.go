package routes

import (
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func ip(text string) netip.Addr { return netip.MustParseAddr(text) }

func to(prefix string, via ...string) Route {
	r := Route{To: netip.MustParsePrefix(prefix)}
	for _, v := range via {
		r.Via = append(r.Via, ip(v))
	}
	return r
}

func node(name, address, pods string) Node {
	n := Node{Name: name}
	n.Address, _ = netip.ParseAddr(address)
	n.Pods, _ = netip.ParsePrefix(pods)
	return n
}

func cluster(via string) Config {
	return Config{Pods: netip.MustParsePrefix("10.32.0.0/12"), Via: via, Gateways: []string{"g1", "g2"}}
}

func nodes() []Node {
	return []Node{node("n1", "192.0.2.21", "10.32.3.0/24"), node("g1", "192.0.2.11", "10.32.1.0/24"), node("g2", "192.0.2.12", "10.32.2.0/24")}
}

func TestWantedByWay(t *testing.T) {
	for via, want := range map[string][]Route{
		ViaNodes:    {to("10.32.1.0/24", "192.0.2.11"), to("10.32.2.0/24", "192.0.2.12"), to("10.32.3.0/24", "192.0.2.21")},
		ViaGateways: {to("10.32.1.0/24", "192.0.2.11", "192.0.2.12"), to("10.32.2.0/24", "192.0.2.11", "192.0.2.12"), to("10.32.3.0/24", "192.0.2.11", "192.0.2.12")},
		"192.0.2.1": {to("10.32.1.0/24", "192.0.2.1"), to("10.32.2.0/24", "192.0.2.1"), to("10.32.3.0/24", "192.0.2.1")},
	} {
		got, problems := Wanted(cluster(via), nodes(), nil)
		assert.Equal(t, want, got, via)
		assert.Empty(t, problems)
	}
}

func TestADeadGatewayIsPassedBy(t *testing.T) {
	c := cluster(ViaGateways)
	got, problems := Wanted(c, nodes(), map[netip.Addr]bool{ip("192.0.2.11"): true})
	assert.Equal(t, []netip.Addr{ip("192.0.2.12")}, got[0].Via)
	assert.Empty(t, problems)
	got, problems = Wanted(c, nodes(), map[netip.Addr]bool{ip("192.0.2.11"): true, ip("192.0.2.12"): true})
	assert.Len(t, got[0].Via, 2, "there is nothing better than what was")
	assert.Equal(t, []string{"no gateway answers; the routes stay as they are"}, problems)
	got, problems = Wanted(c, nodes()[:1], nil)
	assert.Empty(t, got)
	assert.Equal(t, []string{"no route to pods: none of the gateways g1, g2 is a Node"}, problems)
}

// A host says its address itself, so it is not to lead away what is not for it.
func TestWhatANodeMustNotSay(t *testing.T) {
	for says, n := range map[string]Node{
		"its Node has no pod range":                                  node("x", "192.0.2.9", ""),
		"its range 0.0.0.0/0 is not inside the cluster's":            node("x", "192.0.2.9", "0.0.0.0/0"),
		"its range 192.0.2.0/24 is not inside the cluster's":         node("x", "192.0.2.9", "192.0.2.0/24"),
		"its Node has no internal address":                           node("x", "", "10.32.9.0/24"),
		"10.32.9.1 is no address of a host":                          node("x", "10.32.9.1", "10.32.9.0/24"),
		"127.0.0.1 is no address of a host":                          node("x", "127.0.0.1", "10.32.9.0/24"),
		"its range 10.32.1.0/25 overlaps 10.32.1.0/24 of another":    node("x", "192.0.2.9", "10.32.1.0/25"),
		"its Node has no internal address of that family":            node("x", "2001:db8::1", "10.32.9.0/24"),
		"its range 10.32.0.0/12 overlaps 10.32.1.0/24 of another No": node("x", "192.0.2.9", "10.32.0.0/12"),
	} {
		got, problems := Wanted(cluster(ViaNodes), append(nodes(), n), nil)
		assert.Len(t, got, 3, says)
		require.Len(t, problems, 1, says)
		assert.Contains(t, problems[0], "no route to the pods of x: "+says)
	}
}

func TestNextHopsOfNetworksAndOneself(t *testing.T) {
	c := cluster(ViaNodes)
	c.Self = "n1"
	c.Hops = []Hop{{netip.MustParsePrefix("192.0.0.0/16"), ip("192.0.2.1")}, {netip.MustParsePrefix("192.0.2.12/32"), ip("192.0.2.2")}}
	got, _ := Wanted(c, nodes(), nil)
	assert.Equal(t, []Route{to("10.32.1.0/24", "192.0.2.1"), to("10.32.2.0/24", "192.0.2.2")}, got)
}

func ours(r Route) Entry { return Entry{Route: r, Protocol: Protocol, Metric: Metric} }

func TestDiff(t *testing.T) {
	a, b := to("10.32.1.0/24", "192.0.2.11"), to("10.32.2.0/24", "192.0.2.12")
	static := func(r Route, metric int) Entry { return Entry{Route: r, Protocol: 4, Metric: metric, Link: "eth0"} }
	other := ours(a)
	other.Metric = 1
	for name, c := range map[string]struct {
		table []Entry
		want  Change
	}{
		"nothing there":        {nil, Change{Add: []Route{a, b}}},
		"all there":            {[]Entry{ours(a), ours(b)}, Change{}},
		"one through another":  {[]Entry{ours(to("10.32.1.0/24", "192.0.2.99")), ours(b)}, Change{Replace: []Route{a}}},
		"a Node that is gone":  {[]Entry{ours(a), ours(b), ours(to("10.32.9.0/24", "192.0.2.9"))}, Change{Remove: []Entry{ours(to("10.32.9.0/24", "192.0.2.9"))}}},
		"another metric":       {[]Entry{other, ours(b)}, Change{Remove: []Entry{other}, Add: []Route{a}}},
		"somebody's elsewhere": {[]Entry{ours(a), ours(b), static(to("203.0.113.0/24", "192.0.2.1"), 0)}, Change{}},
		"somebody's wider":     {[]Entry{ours(a), ours(b), static(to("10.0.0.0/8", "192.0.2.1"), 0)}, Change{}},
		"somebody's worse":     {[]Entry{ours(a), ours(b), static(a, Metric+1)}, Change{}},
		"somebody's same": {[]Entry{ours(a), ours(b), static(a, 0)}, Change{Conflicts: []string{
			"the route 10.32.1.0/24 via 192.0.2.11 dev eth0 proto static metric 0 is not ours and takes packets for pods of 10.32.1.0/24; remove it where it is set, or leave that range out"}}},
		"somebody's narrower": {[]Entry{ours(a), static(to("10.32.2.128/25", "192.0.2.1"), 9)}, Change{Add: []Route{b}, Conflicts: []string{
			"the route 10.32.2.128/25 via 192.0.2.1 dev eth0 proto static metric 9 is not ours and takes packets for pods of 10.32.2.0/24; remove it where it is set, or leave that range out"}}},
	} {
		assert.Equal(t, c.want, Diff([]Route{a, b}, c.table), name)
	}
}

// Whatever stands in a table: one change makes it right, and nothing of others is
// in it.
func TestOneChangeIsEnough(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(n int) []Route {
		var list []Route
		for i := range n {
			if random.IntN(2) == 0 {
				list = append(list, Route{To: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 32, byte(i), 0}), 24), Via: []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, byte(random.IntN(3))})}})
			}
		}
		return list
	}
	for range 500 {
		table := &fakeTable{}
		for _, r := range pick(20) {
			e := ours(r)
			if random.IntN(4) == 0 {
				e.Metric = random.IntN(3)
			}
			if random.IntN(4) == 0 {
				e.Protocol = 4
			}
			table.entries = append(table.entries, e)
		}
		foreign := table.foreign()
		want := pick(20)
		r := Resident{Table: table}
		assert.Empty(t, r.do(Diff(want, table.entries)))
		assert.True(t, Diff(want, table.entries).Empty())
		assert.ElementsMatch(t, foreign, table.foreign())
	}
}

func TestNodesAreKeptForTheNextStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nodes.json")
	none, err := Load(path)
	require.NoError(t, err)
	assert.Empty(t, none)
	require.NoError(t, Save(path, nodes()))
	got, err := Load(path)
	require.NoError(t, err)
	assert.Equal(t, nodes(), got)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())
	require.NoError(t, os.WriteFile(path, []byte("["), 0o600))
	_, err = Load(path)
	assert.ErrorContains(t, err, path)
}

func TestConfigurationsThatAreNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "routes.json")
	for text, says := range map[string]string{
		`{`:                      "unexpected end",
		`{"via":"somewhere"}`:    `via is "somewhere"`,
		`{"via":"nodes"}`:        "pods, apis or state is missing",
		`{"pods":"10.0.0.0/99"}`: "10.0.0.0/99",
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := ReadConfig(path)
		assert.ErrorContains(t, err, says)
	}
}
