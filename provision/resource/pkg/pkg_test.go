package pkg

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/system/systemfake"
)

func TestCompare(t *testing.T) {
	ascending := []string{
		"1.0~rc1-1", "1.0-1", "1.0-1+b1", "1.0-1.1", "1.0-2", "1.0a-1", "1.0+dfsg-1", "1.2", "1.9", "1.10", "2.6.12-1+deb12u1", "2.6.12-1+deb12u2", "1:0.1", "1:0.1+x",
	}
	for i, a := range ascending {
		assert.Zero(t, compare(a, a), a)
		for _, b := range ascending[i+1:] {
			assert.Negative(t, compare(a, b), "%s < %s", a, b)
			assert.Positive(t, compare(b, a), "%s > %s", b, a)
		}
	}
	assert.Zero(t, compare("1.0-01", "1.0-1"))
	assert.Zero(t, compare("0:1", "1"))
}

func FuzzCompare(f *testing.F) {
	f.Add("1:1.0~a-1", "1.0")
	f.Fuzz(func(t *testing.T, a, b string) {
		assert.Zero(t, compare(a, a))
		assert.Equal(t, compare(a, b) < 0, compare(b, a) > 0)
	})
}

func FuzzParseQuery(f *testing.F) {
	f.Add("haproxy\t2.6\tii \nlibc6\t1\tiU \n")
	f.Fuzz(func(t *testing.T, output string) {
		for _, entry := range parseQuery(output) {
			assert.NotEmpty(t, entry.Package)
			assert.False(t, entry.installed() && entry.broken())
		}
	})
}

func TestALaterVersionStays(t *testing.T) {
	want := Spec{Debs: []Deb{{Package: "a", Version: "1.0-1"}}}
	for version, missingNow := range map[string]int{"1.0-1": 0, "1.1-1": 0, "0.9-1": 1} {
		assert.Len(t, missing(want, State{Installed: map[string]string{"a": version}}), missingNow, version)
	}
}

func TestRestoreLeavesWhatOthersNeed(t *testing.T) {
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	for name, depends := range map[string][]string{"haproxy": {"liblua"}, "liblua": nil, "other": {"liblua"}} {
		require.NoError(t, host.Commands.SetPackage(name, systemfake.Package{Version: "1", Status: "ii", Depends: depends}))
	}
	before := State{Closure: []string{"haproxy", "liblua"}}
	require.NoError(t, kind{}.Restore(t.Context(), host.System, "haproxy", before))
	have, err := observe(t.Context(), host.System, "haproxy", []string{"haproxy", "liblua", "other"})
	require.NoError(t, err)
	assert.NotContains(t, have.Installed, "haproxy")
	assert.Contains(t, have.Installed, "liblua")
}

// A purge that was killed leaves the configuration of packages that dpkg calls
// neither installed nor broken.
func TestAPurgeThatWasCutOffIsFinished(t *testing.T) {
	entries := parseQuery("nftables\t1.0.6\tpc \nhaproxy\t2.6\trc \n")
	require.Len(t, entries, 2)
	assert.True(t, entries[0].purging())
	assert.False(t, entries[1].purging(), "somebody wants to keep its configuration")
	have := State{Closure: []string{"haproxy", "nftables"}, Purging: []string{"nftables"}}
	assert.Equal(t, []string{"nftables"}, added(State{}, have))
	assert.Empty(t, added(State{Purging: []string{"nftables"}}, have), "it was so before")
}

// dpkg lets go of what it installs, and others hold what we need.
func TestHoldsOutliveAnUpgrade(t *testing.T) {
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	var debs []Deb
	for _, name := range []string{"liblua", "haproxy"} {
		require.NoError(t, host.Commands.SetPackage(name, systemfake.Package{Version: "1.0-1", Status: "hi"}))
		digest, err := host.PutBlob(systemfake.Deb(name, "1.0-2"))
		require.NoError(t, err)
		debs = append(debs, Deb{File: name + ".deb", SHA256: digest, Package: name, Version: "1.0-2"})
	}
	want := Spec{Debs: debs, Hold: true}
	require.NoError(t, kind{}.Apply(t.Context(), host.System, "haproxy", want))
	for _, name := range []string{"liblua", "haproxy"} {
		have, err := observe(t.Context(), host.System, name, []string{name})
		require.NoError(t, err)
		assert.True(t, have.Held, name)
		assert.Equal(t, "1.0-2", have.Installed[name])
	}
}
