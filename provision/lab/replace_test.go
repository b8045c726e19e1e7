package lab

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestALabTakesAnotherKeyOnlyForAReplacedMachine(t *testing.T) {
	dir := t.TempDir()
	l := &Lab{dir: dir, state: &state{Version: stateVersion, Name: "dc1", Hosts: []hostState{
		{Name: "m1", Address: netip.MustParseAddr("10.0.0.1"), Port: 22, HostKey: "ssh-ed25519 AAAAold"},
		{Name: "m2", Address: netip.MustParseAddr("10.0.0.2"), Port: 22, HostKey: "ssh-ed25519 AAAAtwo"}}}}
	require.NoError(t, l.AcceptKey("m1", "ssh-ed25519 AAAAold", false), "what is known is fine")
	require.ErrorIs(t, l.AcceptKey("m1", "ssh-ed25519 AAAAnew", false), ErrKeyChanged)
	assert.False(t, l.Hosts()[0].Replaced)
	require.NoError(t, l.AcceptKey("m1", "ssh-ed25519 AAAAnew", true))
	require.Error(t, l.AcceptKey("m3", "ssh-ed25519 AAAAnew", true), "there is no such host")

	saved, err := loadState(dir)
	require.NoError(t, err)
	assert.Equal(t, "ssh-ed25519 AAAAnew", saved.Hosts[0].HostKey)
	assert.True(t, saved.Hosts[0].Replaced)
	assert.False(t, saved.Hosts[1].Replaced)
	known, err := os.ReadFile(filepath.Join(dir, "known_hosts"))
	require.NoError(t, err)
	assert.Contains(t, string(known), "10.0.0.1 ssh-ed25519 AAAAnew\n")
	assert.Contains(t, string(known), "10.0.0.2 ssh-ed25519 AAAAtwo\n")
	assert.NotContains(t, string(known), "AAAAold")
}
