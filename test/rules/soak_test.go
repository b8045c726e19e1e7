package rules

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/test/soak"
)

// Journeys that are too long for make test were run in full: each has a result
// that was committed, and passed. make test prints which are stale.
func TestEverySoakHasAResult(t *testing.T) {
	for _, s := range soak.Soaks() {
		head, err := soak.Read(root, s.Name)
		if !assert.NoError(t, err) {
			continue
		}
		assert.Equal(t, s.Name, head.Journey)
		assert.True(t, head.Passed, "the last soak of %s failed", s.Name)
		assert.Len(t, head.Commit, 40)
		_, err = soak.Hash(root, s.Folders)
		assert.NoError(t, err, "the folders of soak %s", s.Name)
	}
}
