package timesync_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/component/componenttest"
	"provision/provision/component/timesync"
)

func TestServersOfTheInventory(t *testing.T) {
	c := componenttest.Lab()
	list, err := timesync.New().Desired(c, c.Inventory.Hosts[0])
	require.NoError(t, err)
	require.Len(t, list, 4)
	assert.Contains(t, string(list[1].Spec), `server ntp1.example.org iburst\nserver ntp2.example.org iburst\n`)
	assert.NotContains(t, string(list[1].Spec), "pool")
	c.Inventory.Time.Servers = nil
	list, err = timesync.New().Desired(c, c.Inventory.Hosts[0])
	require.NoError(t, err)
	assert.Contains(t, string(list[1].Spec), "pool")
}

func TestLeftToTheHost(t *testing.T) {
	c := componenttest.Lab()
	require.True(t, timesync.New().Runs(c, c.Inventory.Hosts[0]))
	c.Inventory.Time.Manage = false
	assert.False(t, timesync.New().Runs(c, c.Inventory.Hosts[0]))
}
