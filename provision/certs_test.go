package provision_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/fleettest"
	"provision/provision/inventory"
	"provision/provision/plan"
)

// clock can be set; certificates of a fleet live by it.
type clock struct{ now time.Time }

func (c *clock) time() time.Time { return c.now }

func (c *clock) pass(days int) { c.now = c.now.Add(time.Duration(days) * 24 * time.Hour) }

func grown(t *testing.T, nodes int) (*fleettest.Fleet, *inventory.Inventory, *clock) {
	t.Helper()
	c := &clock{now: time.Now()}
	inv := load(t, "dc1", nodes)
	f := boot(t, inv, fleettest.Options{Now: c.time})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	return f, inv, c
}

func certificates(t *testing.T, f *fleettest.Fleet, inv *inventory.Inventory, hosts ...string) *provision.Certificates {
	t.Helper()
	o := f.Operator(inv)
	defer func() { require.NoError(t, o.Close()) }()
	found, err := o.Certificates(t.Context(), hosts...)
	require.NoError(t, err)
	return found
}

func renewing(r provision.Renewal) func(*provision.Options) {
	return func(o *provision.Options) { o.Renew = &r }
}

func TestCertificatesAreListedByWhatEndsFirst(t *testing.T) {
	f, inv, c := grown(t, 1)
	found := certificates(t, f, inv)
	require.True(t, found.Sound())
	var authorities, kubelets int
	for i, one := range found.Certificates {
		assert.Equal(t, provision.CertValid, one.State, "%+v", one)
		if i > 0 {
			assert.False(t, one.NotAfter.Before(found.Certificates[i-1].NotAfter))
		}
		if one.Authority != "" {
			authorities++
			assert.Equal(t, "all hosts", one.Host)
			assert.Equal(t, 3649, one.DaysLeft)
		} else {
			assert.Equal(t, 364, one.DaysLeft)
		}
		if one.Renews == provision.ByKubelet {
			kubelets++
		}
	}
	assert.Equal(t, 3, authorities)
	assert.Equal(t, 2, kubelets)
	only := certificates(t, f, inv, "n1")
	for _, one := range only.Certificates {
		assert.Contains(t, []string{"n1", "all hosts"}, one.Host)
	}
	c.pass(250)
	assert.True(t, certificates(t, f, inv).Sound(), "they are due, and that is well")
	c.pass(90)
	found = certificates(t, f, inv)
	assert.False(t, found.Sound())
	assert.Equal(t, provision.CertOverdue, found.Certificates[0].State)
	c.pass(30)
	found = certificates(t, f, inv)
	assert.Equal(t, provision.CertEnded, found.Certificates[0].State)
	assert.Negative(t, found.Certificates[0].DaysLeft)
	require.NoError(t, f.Host("n1").Write("/etc/kubernetes/pki/kubelet-server.crt", "nonsense"))
	f.Host("m1").Hangup()
	found = certificates(t, f, inv)
	bad := 0
	for _, one := range found.Certificates {
		if one.State == provision.CertBad {
			bad++
			assert.Equal(t, "it is no certificate", one.Error)
		}
	}
	assert.Equal(t, 1, bad)
}

// kindsOf are the kinds of the steps of a plan, but for gates.
func kindsOf(p *plan.Plan) map[string]int {
	kinds := map[string]int{}
	for _, s := range p.Steps {
		if s.Action != plan.Wait {
			kinds[s.Address.Kind]++
		}
	}
	return kinds
}

func TestRenewalChangesCertificatesAndNothingElse(t *testing.T) {
	f, inv, c := grown(t, 2)
	require.NoError(t, f.Host("n1").Write("/etc/kubernetes/kubelet.yaml", "changed by hand"))
	outcome, err := apply(t, f, inv, renewing(provision.Renewal{}))
	require.NoError(t, err)
	require.True(t, outcome.Plan.Empty(), "nothing is due")

	c.pass(250) // in the last third
	before := f.Host("n1").Read("/etc/kubernetes/pki/kubelet-server.crt")
	other := f.Host("n2").Read("/etc/kubernetes/pki/kubelet-server.crt")
	outcome, err = apply(t, f, inv, renewing(provision.Renewal{Hosts: []string{"n1"}}))
	require.NoError(t, err)
	kinds := kindsOf(outcome.Plan)
	assert.Positive(t, kinds["cert"])
	assert.Len(t, kinds, 1, "%v: kubelet rotates its own certificate, all others are read again without a restart", kinds)
	assert.Equal(t, map[string]int{"n1": kinds["cert"]}, hostsOf(outcome.Plan))
	assert.Contains(t, strings.Join(outcome.Plan.Warnings, "\n"), "other difference")
	assert.NotEqual(t, before, f.Host("n1").Read("/etc/kubernetes/pki/kubelet-server.crt"))
	assert.Equal(t, other, f.Host("n2").Read("/etc/kubernetes/pki/kubelet-server.crt"))
	assert.Equal(t, "changed by hand", f.Host("n1").Read("/etc/kubernetes/kubelet.yaml"))

	_, err = apply(t, f, inv, renewing(provision.Renewal{}))
	require.NoError(t, err)
	assert.NotEqual(t, other, f.Host("n2").Read("/etc/kubernetes/pki/kubelet-server.crt"))
	p, err := look(t, f, inv)
	require.NoError(t, err)
	assert.Zero(t, kindsOf(p)["cert"], "nothing is due any more")
}

func TestAllCertificatesAreRenewedOnDemand(t *testing.T) {
	f, inv, _ := grown(t, 1)
	before := certificates(t, f, inv)
	pairs := map[string]string{}
	for _, one := range before.Certificates {
		if one.Path != "" {
			pairs[one.Host+one.Path] = f.Host(one.Host).Read(one.Path)
		}
	}
	outcome, err := apply(t, f, inv, renewing(provision.Renewal{All: true}))
	require.NoError(t, err)
	assert.Equal(t, len(pairs), kindsOf(outcome.Plan)["cert"])
	for _, one := range before.Certificates {
		if one.Path != "" && one.Renews != provision.ByKubelet {
			assert.NotEqual(t, pairs[one.Host+one.Path], f.Host(one.Host).Read(one.Path), one.Path)
		}
	}
	p, err := look(t, f, inv)
	require.NoError(t, err)
	assert.True(t, p.Empty(), "%v", p.Steps)
}
