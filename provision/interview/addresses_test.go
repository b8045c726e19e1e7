package interview

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func lookUp(_ context.Context, name string) ([]netip.Addr, error) {
	switch name {
	case "node1.example", "NODE1.example":
		return []netip.Addr{netip.MustParseAddr("10.0.9.1"), netip.MustParseAddr("fd00::1")}, nil
	case "two.example":
		return []netip.Addr{netip.MustParseAddr("10.0.9.1"), netip.MustParseAddr("10.0.9.2")}, nil
	case "here.example":
		return []netip.Addr{netip.MustParseAddr("127.0.1.1")}, nil
	}
	return nil, errors.New("no such host")
}

func TestAddressesInAllForms(t *testing.T) {
	for _, tt := range []struct{ in, out string }{
		{"10.0.0.11", "10.0.0.11"},
		{"10.0.0.11-13", "10.0.0.11 10.0.0.12 10.0.0.13"},
		{" 10.0.0.13 ;10.0.0.11 - 12", "10.0.0.13 10.0.0.11 10.0.0.12"},
		{"10.0.0.254-10.0.1.1", "10.0.0.254 10.0.0.255 10.0.1.0 10.0.1.1"},
		{"10.0.1.[11-12, 21]", "10.0.1.11 10.0.1.12 10.0.1.21"},
		{"10.0.[1-2].5", "10.0.1.5 10.0.2.5"},
		{"10.0.0.11,12,14-15", "10.0.0.11 10.0.0.12 10.0.0.14 10.0.0.15"},
		{"10.0.0.0/30", "10.0.0.1 10.0.0.2"},
		{"10.0.0.4/31", "10.0.0.4 10.0.0.5"},
		{"10.0.0.4/32", "10.0.0.4"},
		{"255.255.255.252/30", "255.255.255.253 255.255.255.254"},
		{"fd00::a-fd00::b", "fd00::a fd00::b"},
		{"node1.example 10.0.0.1", "10.0.9.1 10.0.0.1"},
		{"10.0.0.11-12\n10.0.0.12-13", "10.0.0.11 10.0.0.12 10.0.0.13"},
		{"", ""},
	} {
		got, err := Addresses(t.Context(), tt.in, nil, lookUp)
		require.NoError(t, err, tt.in)
		var all []string
		for _, e := range got {
			for _, p := range e.Places {
				all = append(all, p.Address.String())
			}
		}
		assert.Equal(t, tt.out, strings.Join(all, " "), tt.in)
	}
}

func TestAddressesThatAreNone(t *testing.T) {
	for in, want := range map[string]string{
		"10.0.0.256":                          "cannot read",
		"10.0.0.13-11":                        "backwards",
		"10.0.0.11-300":                       "cannot read the range",
		"10.0.0.1-10.0.99.1":                  "too long",
		"10.0.0.11/24":                        "write 10.0.0.11 for the host, or 10.0.0.0/24",
		"10.0.0.0/8":                          "too large",
		"fd00::/64":                           "too large",
		"10.0.0.[1-2":                         "without a ']'",
		"10.0.[1-2].[1-2]":                    "more than one range",
		"10.0.0.[1-5000]":                     "5000 addresses",
		"127.0.0.1":                           "cannot be a host's address",
		"0.0.0.0":                             "cannot be a host's address",
		"255.255.255.250-255.255.255.255":     "cannot be a host's address",
		"fe80::1":                             "cannot be a host's address",
		"fe80::1%eth0":                        "cannot be a host's address",
		"::ffff:10.0.0.1":                     "cannot be a host's address",
		"11":                                  "a bare number goes on after",
		"nowhere.example":                     "no such host",
		"two.example":                         "2 addresses (10.0.9.1, 10.0.9.2)",
		"here.example":                        "cannot be a host's address",
		"ops@10.0.0.1":                        "cannot read",
		strings.Repeat("a", 400):              "too long",
		"10.0.0.0/23 10.1.0.0/23 10.2.0.0/23": "1024 addresses",
	} {
		_, err := Addresses(t.Context(), in, nil, lookUp)
		assert.ErrorContains(t, err, want, in)
	}
}

func TestWhatIsGivenTwiceIsSaid(t *testing.T) {
	got, err := Addresses(t.Context(), "10.0.0.11-13 10.0.0.12", []netip.Addr{netip.MustParseAddr("10.0.0.11")}, nil)
	require.NoError(t, err)
	assert.Equal(t, "  10.0.0.11-13: 2 hosts: 10.0.0.12, 10.0.0.13 (given twice, counted once: 10.0.0.11)", describe(got[0]))
	assert.Equal(t, "  10.0.0.12 (given twice, counted once: 10.0.0.12)", describe(got[1]))
	got, err = Addresses(t.Context(), "10.0.0.11-40", nil, nil)
	require.NoError(t, err)
	assert.Equal(t, "  10.0.0.11-40: 30 hosts: 10.0.0.11, 10.0.0.12, 10.0.0.13, …, 10.0.0.40", describe(got[0]))
}

// Whatever is typed: bounded work, and only addresses that hosts can have, each
// once.
func FuzzAddresses(f *testing.F) {
	for _, s := range []string{"10.0.0.11-13, 10.0.1.[11-50], node1.example", "10.0.0.0/28;fd00::1 11-12", "255.255.255.0/24", "[,-\x00]"} {
		f.Add(s)
	}
	f.Fuzz(checkAddresses)
}

func checkAddresses(t *testing.T, text string) {
	t.Helper()
	got, err := Addresses(context.Background(), text, nil, lookUp)
	if err != nil {
		return
	}
	seen := map[netip.Addr]bool{}
	for _, e := range got {
		for _, p := range e.Places {
			_, err := places(p.Address)
			assert.NoError(t, err, fmt.Sprintf("%q", text))
			assert.False(t, seen[p.Address], "%q: %s", text, p.Address)
			seen[p.Address] = true
		}
	}
	assert.LessOrEqual(t, len(seen), maxAddresses)
}
