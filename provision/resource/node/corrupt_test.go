package node

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/provision/cluster"
	"provision/provision/resource/drain"
	"provision/test/corrupt"
)

// A Node of another form than Kubernetes' is an error, never an empty Node.
func TestDamagedNodes(t *testing.T) {
	sample := []byte(`{"metadata":{"name":"n1","resourceVersion":"12","labels":{"a":"b"},"annotations":{"` + OwnedAnnotation + `":"{\"labels\":[\"a\"]}","` + drain.CordonedAnnotation + `":"x"}},"spec":{"unschedulable":true,"podCIDRs":["10.32.0.0/24"],"taints":[{"key":"k","effect":"NoSchedule"}]}}`)
	corrupt.Feed(t, 1, func(in []byte) bool {
		var object cluster.Object
		if json.Unmarshal(in, &object) != nil || object == nil {
			return false
		}
		state, err := read("n1", object)
		again, err2 := drain.Read("n1", object)
		if err == nil {
			assert.True(t, state.Exists)
		}
		if err2 == nil {
			assert.True(t, again.Exists)
		}
		return err == nil
	}, sample)
}
