package routes

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/test/corrupt"
)

// routed fails the test where a route leads anywhere but into the cluster's pods.
func routed(t *testing.T, nodes []Node) {
	c := cluster(ViaNodes)
	list, _ := Wanted(c, nodes, nil)
	for _, r := range list {
		assert.True(t, c.Pods.Contains(r.To.Addr()) && r.To.Bits() >= c.Pods.Bits() && len(r.Via) == 1 && r.Via[0].IsValid(), "%v", r)
	}
}

// Whatever an API server says, nothing but pods is routed.
func TestDamagedEvents(t *testing.T) {
	corrupt.Feed(t, 1, func(in []byte) bool {
		s := &Source{Config: cluster(ViaNodes), Nodes: map[string]Node{}, Known: func(list []Node) { routed(t, list) }}
		return s.take("ADDED", in) == nil && s.take("ERROR", in) != nil && s.take("DELETED", in) == nil
	}, []byte(nodeJSON("n1", "192.0.2.1", "10.32.1.0/24", 7)))
}

func TestDamagedFiles(t *testing.T) {
	kept, err := json.Marshal(nodes())
	assert.NoError(t, err)
	path := filepath.Join(t.TempDir(), "file")
	corrupt.FeedN(t, 2, 2000, func(in []byte) bool {
		assert.NoError(t, os.WriteFile(path, in, 0o600))
		list, err := Load(path)
		routed(t, list)
		if c, err := ReadConfig(path); err == nil {
			assert.True(t, c.Pods.IsValid() && len(c.APIs) > 0)
		}
		return err == nil
	}, kept, []byte(`{"pods":"10.32.0.0/12","via":"nodes","apis":["192.0.2.1:6443"],"state":"/x"}`))
}
