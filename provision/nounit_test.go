package provision_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/fleettest"
)

func TestALogOfNoUnitIsAnError(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	o := f.Operator(inv)
	defer o.Close()
	var out bytes.Buffer
	err := o.Logs(t.Context(), "n1", provision.Log{Unit: "kubelett.service", Lines: 5}, &out)
	require.ErrorContains(t, err, "host n1 has no unit kubelett.service")
	assert.ErrorContains(t, err, "did you mean kubelet?")
	assert.ErrorContains(t, o.Logs(t.Context(), "n1", provision.Log{Unit: "nosuch.service", Lines: 5, Follow: true}, &out), "its services are")
	assert.Empty(t, out.String())
}
