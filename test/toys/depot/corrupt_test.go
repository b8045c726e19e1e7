package depot

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/provision/cluster"
	"provision/test/corrupt"
)

// stored is an API that has one object.
type stored struct {
	cluster.Objects
	object cluster.Object
}

func (s stored) Get(context.Context, cluster.Ref) (cluster.Object, error) { return s.object, nil }

// A list of members of another form is an error, or one that says the same
// twice; never a depot that is healthy without saying so.
func TestDamagedMembers(t *testing.T) {
	sample := []byte(`{"metadata":{"name":"depot-members","annotations":{"paused/s1":"yes"}},"data":{"s1":"10.0.0.1 healthy","s2":"10.0.0.2 behind"}}`)
	corrupt.Feed(t, 1, func(in []byte) bool {
		var object cluster.Object
		if json.Unmarshal(in, &object) != nil {
			return false
		}
		env := &cluster.Env{Objects: stored{object: object}}
		all, err := list(t.Context(), env)
		_, err2 := pause{}.Observe(t.Context(), env, "s1 pause", PauseSpec{Host: "s1"})
		for name, have := range all {
			want := MemberSpec{Address: have.Address, Healthy: true}
			assert.Equal(t, have.Says == "healthy", len(members{}.Diff(name, want, have)) == 0, name)
		}
		return err == nil && err2 == nil
	}, sample)
}
