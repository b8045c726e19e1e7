package provision_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/fleet"
	"provision/provision/fleettest"
	"provision/provision/internal/system"
	"provision/provision/inventory"
)

// pulled is a connector to hosts, one of which loses its connection while it is
// sent artifacts: the session ends, and the sending hangs.
type pulled struct {
	fleet.Connector
	host string
}

type unplugged struct{ fleet.Agent }

func (p pulled) Connect(ctx context.Context, host inventory.Host, sign fleet.SignFunc) (fleet.Agent, error) {
	agent, err := p.Connector.Connect(ctx, host, sign)
	if err == nil && host.Name == p.host {
		return unplugged{agent}, nil
	}
	return agent, err
}

func (u unplugged) SendBlobs(ctx context.Context, _ []fleet.Blob, _ func(string), _ func(int64)) error {
	_ = u.Close()
	<-ctx.Done()
	return context.Cause(ctx)
}

func TestSendingEndsWithTheSession(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	for _, name := range []string{"n1", "n2"} { // the cluster is there, these two need kubelet again
		require.NoError(t, os.Remove(filepath.Join(f.Host(name).Root, "/usr/local/bin/kubelet")))
		require.NoError(t, os.RemoveAll(filepath.Join(f.Host(name).Root, system.BlobDir)))
	}
	outcome, err := apply(t, f, inv, func(o *provision.Options) { o.Connector = pulled{o.Connector, "n2"} })
	require.Error(t, err)
	require.NotNil(t, outcome)
	said := ""
	for _, failed := range outcome.Result.Failed {
		// Its drain waits for the artifacts, too; whether the gate of all Nodes hears
		// of the loss before it is passed, is chance.
		assert.Contains(t, failed.Address.String()+failed.Err.Error(), "n2")
		said += failed.Err.Error() + "\n"
	}
	assert.Contains(t, said, "lost the connection to n2: n2: session ended: ")
	assert.Contains(t, said, "; apply again when it is back: what arrived is not sent again")
	assert.NotContains(t, said, "context canceled")
	assert.FileExists(t, filepath.Join(f.Host("n1").Root, "/usr/local/bin/kubelet"), "the others are finished")
	_, err = apply(t, f, inv)
	require.NoError(t, err)
}
