package ledger

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/facts"
)

func TestAHostThatLeavesKeepsOnlyItsEpoch(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, 7)
	require.NoError(t, l.SetIdentity(&facts.Identity{UUID: "u"}, nil))
	require.NoError(t, l.SetRoster(facts.Roster{Hosts: []facts.RosterHost{{Name: "m1"}}}))
	require.NoError(t, l.Restart("u.service", facts.Restart{Invocation: "1", Action: "restart"}))
	require.NoError(t, l.Leave())
	require.NoError(t, l.Close())
	got, err := Read(dir)
	require.NoError(t, err)
	assert.Equal(t, uint64(7), got.Epoch)
	assert.Nil(t, got.Identity)
	assert.Nil(t, got.Roster)
	assert.Empty(t, got.Restarts)
}
