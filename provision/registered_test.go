package provision_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/component"
	"provision/provision/component/kubelet"
	"provision/provision/plan"
	"provision/provision/resource"
)

// restarts are the units that a plan restarts, and the causes of the first.
func restarts(p *plan.Plan) (units []string, causes []resource.Address) {
	for _, s := range p.Steps {
		if s.Act == plan.Restart {
			units = append(units, s.Address.String())
			causes = s.Causes
		}
	}
	slices.Sort(units)
	return units, causes
}

// A Node that somebody deleted is made again; the services that write into it
// do so only when they start.
func TestWhoWritesIntoANodeThatIsMadeAgainStartsAnew(t *testing.T) {
	f, inv := formed(t, 3)
	f.API.DeleteNode("n2")
	p, err := look(t, f, inv)
	require.NoError(t, err)
	units, causes := restarts(p)
	assert.Equal(t, []string{`n2/unit["flanneld.service"]`, `n2/unit["kubelet.service"]`}, units)
	assert.Equal(t, []resource.Address{component.NodeAt("n2")}, causes)
	assert.Contains(t, at(p, component.UnitAt("n2", kubelet.Unit)).Requires, component.NodeAt("n2"))

	_, err = apply(t, f, inv, func(o *provision.Options) {
		o.Point = func(name string) {
			if name == "step "+component.UnitAt("n2", "flanneld.service").String() {
				f.Host("n2").Hangup()
			}
		}
	})
	require.Error(t, err, "the host is lost before flanneld starts anew")
	p, err = look(t, f, inv)
	require.NoError(t, err)
	units, _ = restarts(p)
	assert.Contains(t, units, `n2/unit["flanneld.service"]`, "the next run knows that it is still to be done")
	require.Eventually(t, func() bool {
		_, err = apply(t, f, inv)
		return err == nil || !strings.Contains(err.Error(), "holds its lock")
	}, 2*time.Minute, 100*time.Millisecond, "the lock of a session that ended is free within seconds")
	require.NoError(t, err)
	p, err = look(t, f, inv)
	require.NoError(t, err)
	assert.True(t, p.Empty(), "%+v", p.Steps)
}

func TestAHostThatAnswersIsNotForgotten(t *testing.T) {
	f, inv := formed(t, 2)
	fewer := without(inv, "n2")
	_, err := apply(t, f, fewer, func(o *provision.Options) {
		o.Task = &provision.Removal{Hosts: []string{"n2"}, Forget: []string{"n2"}}
	})
	require.ErrorContains(t, err, "host n2: it answers, so it is not forgotten")
	assert.Equal(t, []string{"m1", "n1", "n2"}, f.API.Names("Node"))
	_, err = apply(t, f, fewer, removingOnly("n2"))
	require.NoError(t, err)
	assert.Equal(t, []string{"n2"}, f.API.Drained())
}
