package systemfake

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An agent and a test open the same host: neither loses what the other changes.
func TestUnitsAreSharedByAllWhoOpenTheHost(t *testing.T) {
	root := t.TempDir()
	const each = 50
	var all sync.WaitGroup
	for who := range 4 {
		fake, err := Open(root, Options{})
		require.NoError(t, err)
		all.Go(func() {
			for i := range each {
				assert.NoError(t, fake.Systemd.Break(fmt.Sprintf("%d-%d.service", who, i), "broken"))
			}
		})
	}
	all.Wait()
	units, err := load[map[string]*Unit](root, unitsFile)
	require.NoError(t, err)
	assert.Len(t, units, 4*each)
}
