package receiver_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/provision/etcd/backup/target"
	"provision/provision/etcd/backup/target/receiver"
	"provision/test/corrupt"
)

// A host of which somebody else took possession lists what it likes.
func TestDamagedListings(t *testing.T) {
	var answer []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(answer) }))
	t.Cleanup(server.Close)
	r := receiver.New("local/m2", "m2", server.URL, server.Client())
	corrupt.FeedN(t, 1, 1000, func(in []byte) bool {
		answer = in
		list, err := r.List(t.Context(), "u/")
		for _, info := range list {
			assert.True(t, target.CheckName(info.Name) == nil && strings.HasPrefix(info.Name, "u/"), info.Name)
		}
		return err == nil
	}, []byte(`[{"Name":"u/../../etc/passwd","Size":1},{"Name":"u/ok","Size":1,"Modified":"2026-11-29T12:00:00Z"}]`))
}
