package receiver_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/etcd/backup/target"
	"provision/provision/etcd/backup/target/local"
	"provision/provision/etcd/backup/target/receiver"
	"provision/provision/etcd/backup/target/targettest"
)

func TestConformance(t *testing.T) {
	targettest.Run(t, func(t *testing.T) target.Target {
		folder, err := local.Open("local/m2", t.TempDir())
		require.NoError(t, err)
		server := httptest.NewServer(receiver.Handler(folder))
		t.Cleanup(server.Close)
		return receiver.New("local/m2", "m2", server.URL, server.Client())
	}, 1<<20)
}

func TestAHostThatDoesNotAnswer(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	_, err := receiver.New("local/m2", "m2", server.URL, http.DefaultClient).List(t.Context(), "")
	assert.ErrorContains(t, err, "host m2 does not take in backups")
	assert.ErrorContains(t, err, "provision-etcd-receive.socket")
}

// A host of which somebody else took possession names what it likes.
func TestListingsAreNotBelieved(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`[{"Name":"../../etc/passwd","Size":1},{"Name":"u/ok","Size":1},{"Name":"v/other","Size":1}]`))
	}))
	t.Cleanup(server.Close)
	list, err := receiver.New("local/m2", "m2", server.URL, server.Client()).List(t.Context(), "u/")
	require.NoError(t, err)
	require.Len(t, list, 1)
	assert.Equal(t, "u/ok", list[0].Name)
}
