package plan_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"provision/network/plan"
)

func prefix(text string) netip.Prefix { return netip.MustParsePrefix(text) }

func TestAssign(t *testing.T) {
	tests := []struct {
		name     string
		pods     string
		length   int
		hosts    []string
		observed map[string]string
		want     map[string]string
	}{
		{"first hosts by name", "10.32.0.0/12", 24, []string{"b", "a"}, nil,
			map[string]string{"a": "10.32.0.0/24", "b": "10.32.1.0/24"}},
		{"a new host takes the gap", "10.32.0.0/12", 24, []string{"a", "c", "z"},
			map[string]string{"a": "10.32.0.0/24", "z": "10.32.2.0/24"},
			map[string]string{"a": "10.32.0.0/24", "c": "10.32.1.0/24", "z": "10.32.2.0/24"}},
		{"a host that left keeps its range until its Node is gone", "10.32.0.0/12", 24, []string{"new"},
			map[string]string{"old": "10.32.0.0/24"}, map[string]string{"new": "10.32.1.0/24"}},
		{"another length later", "10.32.0.0/12", 25, []string{"a", "b", "c"},
			map[string]string{"a": "10.32.0.0/24"},
			map[string]string{"a": "10.32.0.0/24", "b": "10.32.1.0/25", "c": "10.32.1.128/25"}},
		{"wider ranges step over narrow ones", "10.32.0.0/12", 23, []string{"a", "b"},
			map[string]string{"a": "10.32.1.128/25"},
			map[string]string{"a": "10.32.1.128/25", "b": "10.32.2.0/23"}},
		{"the last range", "10.0.0.0/30", 31, []string{"a", "b"}, nil,
			map[string]string{"a": "10.0.0.0/31", "b": "10.0.0.2/31"}},
		{"end of the address space", "255.255.255.0/24", 25, []string{"a", "b"}, nil,
			map[string]string{"a": "255.255.255.0/25", "b": "255.255.255.128/25"}},
		{"IPv6", "fd00::/48", 64, []string{"a", "b"}, map[string]string{"b": "fd00::/64"},
			map[string]string{"a": "fd00:0:0:1::/64", "b": "fd00::/64"}},
		{"pods given by an address inside", "10.32.9.1/16", 24, []string{"a"}, nil, map[string]string{"a": "10.32.0.0/24"}},
		{"a host named twice", "10.32.0.0/12", 24, []string{"a", "a"}, nil, map[string]string{"a": "10.32.0.0/24"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			observed := map[string]netip.Prefix{}
			for host, text := range test.observed {
				observed[host] = prefix(text)
			}
			got, err := plan.Assign(prefix(test.pods), test.length, test.hosts, observed)
			require.NoError(t, err)
			texts := map[string]string{}
			for host, p := range got {
				texts[host] = p.String()
			}
			assert.Equal(t, test.want, texts)
		})
	}
}

func TestAssignRefuses(t *testing.T) {
	tests := []struct {
		name     string
		pods     string
		length   int
		hosts    []string
		observed map[string]netip.Prefix
		says     []string
	}{
		{"full", "10.0.0.0/23", 24, []string{"a", "b", "c"}, nil, []string{"room for 2", "3 need one"}},
		{"length shorter than pods", "10.0.0.0/16", 8, []string{"a"}, nil, []string{"/8"}},
		{"length longer than an address", "10.0.0.0/16", 33, []string{"a"}, nil, []string{"/33"}},
		{"range outside", "10.0.0.0/16", 24, []string{"a"}, map[string]netip.Prefix{"a": prefix("10.1.0.0/24")},
			[]string{"host a", "10.1.0.0/24", "not inside"}},
		{"range around pods", "10.0.0.0/16", 24, []string{"a"}, map[string]netip.Prefix{"a": prefix("10.0.0.0/8")},
			[]string{"not inside"}},
		{"overlap", "10.0.0.0/16", 24, []string{"a"},
			map[string]netip.Prefix{"a": prefix("10.0.1.0/24"), "b": prefix("10.0.0.0/23")},
			[]string{"hosts b and a", "10.0.0.0/23", "10.0.1.0/24"}},
		{"overlap behind a range that is apart", "10.0.0.0/16", 24, []string{"a"},
			map[string]netip.Prefix{"a": prefix("10.0.0.0/22"), "b": prefix("10.0.0.0/24"), "c": prefix("10.0.3.0/24")},
			[]string{"hosts a and b", "hosts a and c"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := plan.Assign(prefix(test.pods), test.length, test.hosts, test.observed)
			require.Error(t, err)
			for _, text := range test.says {
				assert.ErrorContains(t, err, text)
			}
		})
	}
}

// The promises: what is assigned never moves, nothing overlaps, all is inside,
// and the order in which hosts are named does not matter.
func TestAssignKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pods := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 32, 0, 0}), rapid.IntRange(16, 20).Draw(t, "pods")).Masked()
		names := rapid.SliceOfNDistinct(rapid.IntRange(0, 99), 0, 12, rapid.ID[int]).Draw(t, "hosts")
		observed := map[string]netip.Prefix{}
		// A cluster's life: hosts come in groups, with lengths that change.
		for len(names) > 0 {
			size := rapid.IntRange(1, len(names)).Draw(t, "group")
			group := make([]string, size)
			for i, n := range names[:size] {
				group[i] = fmt.Sprintf("h%02d", n)
			}
			names = names[size:]
			length := rapid.IntRange(22, 28).Draw(t, "length")
			before := copied(observed)
			got, err := plan.Assign(pods, length, group, observed)
			if err != nil {
				require.ErrorContains(t, err, "has room for")
				return
			}
			shuffled := rapid.Permutation(group).Draw(t, "order")
			again, err := plan.Assign(pods, length, shuffled, observed)
			require.NoError(t, err)
			require.Equal(t, got, again)
			require.Equal(t, before, observed, "the input is left alone")
			for host, p := range got {
				require.True(t, pods.Contains(p.Addr()) && p.Bits() >= pods.Bits())
				require.Equal(t, p, p.Masked())
				observed[host] = p
			}
			for host, p := range before {
				require.Equal(t, p, observed[host], "an assigned range moved")
			}
			require.NoError(t, plan.Conflicts(pods, observed))
			requireApart(t, observed)
			settled, err := plan.Assign(pods, 26, group, observed)
			require.NoError(t, err)
			require.Equal(t, got, settled, "a second run changes nothing")
		}
	})
}

func requireApart(t *rapid.T, ranges map[string]netip.Prefix) {
	for a, p := range ranges {
		for b, q := range ranges {
			require.True(t, a == b || !p.Overlaps(q), "%s %s overlaps %s %s", a, p, b, q)
		}
	}
}

func copied(ranges map[string]netip.Prefix) map[string]netip.Prefix {
	out := map[string]netip.Prefix{}
	for host, p := range ranges {
		out[host] = p
	}
	return out
}

func BenchmarkAssignThousand(b *testing.B) {
	hosts := make([]string, 1000)
	observed := map[string]netip.Prefix{}
	for i := range hosts {
		hosts[i] = fmt.Sprintf("h%04d", i)
		if i%2 == 0 {
			observed[hosts[i]] = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 32, byte(i / 2 % 256), 0}), 24)
		}
		if i >= 512 {
			delete(observed, hosts[i])
		}
	}
	for b.Loop() {
		if _, err := plan.Assign(prefix("10.32.0.0/12"), 24, hosts, observed); err != nil {
			b.Fatal(err)
		}
	}
}
