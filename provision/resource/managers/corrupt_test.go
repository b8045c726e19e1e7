package managers

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/test/corrupt"
)

// What cannot be read is forgotten like another policy's memory: kubelet would
// not start with it.
func TestDamagedMemoryIsNoPolicy(t *testing.T) {
	corrupt.Feed(t, 1, func(in []byte) bool {
		found := parse(in)
		assert.NotEmpty(t, found)
		return found != unreadable
	}, []byte(`{"policyName":"static","defaultCpuSet":"0-3","entries":{"uid":{"app":"1"}},"checksum":14413152}`),
		[]byte(`{"policyName":"Static","machineState":{"0":{"numberOfAssignments":1}},"checksum":7}`))
}
