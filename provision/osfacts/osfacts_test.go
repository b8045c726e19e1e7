package osfacts_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/facts"
	"provision/provision/osfacts"
)

func TestSupported(t *testing.T) {
	tests := []struct {
		os                 facts.OS
		codename, resolver string
		firewall           string
		tested             bool
	}{
		{facts.OS{ID: "debian", Version: "12"}, "bookworm", "/etc/resolv.conf", "", true},
		{facts.OS{ID: "debian", Version: "13"}, "trixie", "/etc/resolv.conf", "", false},
		{facts.OS{ID: "ubuntu", Version: "22.04"}, "jammy", "/run/systemd/resolve/resolv.conf", "ufw", false},
		{facts.OS{ID: "ubuntu", Version: "24.04"}, "noble", "/run/systemd/resolve/resolv.conf", "ufw", false},
	}
	require.Len(t, osfacts.Table(), len(tests), "each supported system has a case here")
	for _, test := range tests {
		got, ok := osfacts.Lookup(test.os)
		require.True(t, ok, test.os)
		assert.Equal(t, test.codename, got.Codename)
		assert.Equal(t, test.resolver, got.Resolver)
		assert.Equal(t, test.firewall, got.Firewall)
		assert.Equal(t, test.tested, got.Tested, test.os)
		assert.NotEmpty(t, got.ChronyConfig)
		assert.NoError(t, osfacts.Check("m1", test.os, false))
	}
}

func TestOthersAreRefusedUnlessAllowed(t *testing.T) {
	for _, os := range []facts.OS{
		{ID: "debian", Version: "11", Name: "Debian GNU/Linux 11 (bullseye)"},
		{ID: "rocky", Version: "9"},
		{},
	} {
		err := osfacts.Check("m1", os, false)
		require.Error(t, err)
		assert.ErrorContains(t, err, "host m1")
		assert.ErrorContains(t, err, "Ubuntu 24.04")
		assert.ErrorContains(t, err, "--allow-untested-os")
		assert.NoError(t, osfacts.Check("m1", os, true))
		guess := osfacts.For(os)
		assert.False(t, guess.Tested || guess.Bundled)
	}
}
