package provision_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/fleettest"
	"provision/provision/inventory"
	"provision/provision/pki"
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
	return func(o *provision.Options) { o.Task = &r }
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

// unprobe has a run ask no service how it is: nothing runs here.
func unprobe(o *provision.Options) {
	all := slices.Clone(o.Components)
	for i, c := range all {
		all[i] = ungated{c}
	}
	o.Components = all
}

func renewAuthorities(t *testing.T, f *fleettest.Fleet, inv *inventory.Inventory, tune ...func(*provision.Options)) ([]provision.Authority, error) {
	t.Helper()
	o := f.Operator(inv, tune...)
	defer func() { require.NoError(t, o.Close()) }()
	var asked []provision.Authority
	err := o.RenewAuthorities(t.Context(), func(due []provision.Authority) (bool, error) {
		asked = due
		return true, nil
	})
	return asked, err
}

func TestAuthoritiesThatEndedAreRenewedForTheSameKey(t *testing.T) {
	f, inv, c := grown(t, 1)
	keys := f.Host("m1").Read("/var/lib/provision/identity/cluster.key")
	old := f.Host("n1").Read("/etc/kubernetes/pki/ca.crt")
	due, err := renewAuthorities(t, f, inv)
	require.NoError(t, err)
	require.Empty(t, due, "nothing is due")

	c.pass(3651)
	_, err = look(t, f, inv)
	require.ErrorContains(t, err, `authority "cluster" of cluster "dc1" expired on`)
	require.ErrorContains(t, err, "provision certs renew")
	due, err = renewAuthorities(t, f, inv)
	require.NoError(t, err)
	require.Len(t, due, 3)
	assert.True(t, due[0].Ended)
	f.API.Break(errors.New("certificate has expired"))
	o := f.Operator(inv, unprobe, renewing(provision.Renewal{}))
	outcome, err := o.Apply(t.Context(), func(*plan.Plan) (bool, error) {
		f.API.Break(nil) // it comes back with the restarts
		return true, nil
	})
	require.NoError(t, err)
	require.NoError(t, o.Close())
	restarted := map[string]bool{}
	for _, s := range outcome.Plan.Steps {
		assert.Contains(t, []string{"cert", "identity", "unit", "gate"}, s.Address.Kind)
		if s.Address.Kind == "unit" {
			restarted[s.Address.String()] = true
		}
	}
	for _, unit := range []string{`m1/unit["etcd.service"]`, `m1/unit["kube-apiserver.service"]`, `n1/unit["kubelet.service"]`, `n1/unit["flanneld.service"]`} {
		assert.True(t, restarted[unit], unit)
	}
	assert.Equal(t, keys, f.Host("m1").Read("/var/lib/provision/identity/cluster.key"))
	renewed := f.Host("n1").Read("/etc/kubernetes/pki/ca.crt")
	assert.True(t, pki.Succeeds(old, renewed))
	assert.Equal(t, renewed, f.Host("m1").Read("/etc/kubernetes/pki/ca.crt"))
	for _, one := range certificates(t, f, inv).Certificates {
		assert.Equal(t, provision.CertValid, one.State, "%+v", one)
	}
	p, err := look(t, f, inv)
	require.NoError(t, err)
	assert.True(t, p.Empty(), "%v", p.Steps)
}

// From a year before its end on plans say so; in the last third of a
// certificate's life nothing that it signs is any good.
func TestAnAuthorityThatEndsIsNamedLongBefore(t *testing.T) {
	f, inv, c := grown(t, 1)
	c.pass(3200)
	_, err := apply(t, f, inv, unprobe)
	require.NoError(t, err)
	p, err := look(t, f, inv)
	require.NoError(t, err)
	assert.Empty(t, p.Warnings)
	c.pass(100)
	p, err = look(t, f, inv)
	require.NoError(t, err)
	require.Len(t, p.Warnings, 3)
	assert.Contains(t, p.Warnings[0], `authority "cluster" expires on`)
	assert.Contains(t, p.Warnings[0], "provision certs renew")
	c.pass(260)
	outcome, err := apply(t, f, inv, unprobe)
	require.Error(t, err)
	require.NotEmpty(t, outcome.Result.Failed)
	assert.ErrorContains(t, outcome.Result.Failed[0].Err, "as it does itself; renew it with: provision certs renew")
	_, err = renewAuthorities(t, f, inv)
	require.NoError(t, err)
	_, err = apply(t, f, inv, unprobe)
	require.NoError(t, err)
	p, err = look(t, f, inv)
	require.NoError(t, err)
	assert.Empty(t, p.Warnings)
	assert.True(t, p.Empty(), "%v", p.Steps)
}

func TestARenewalOfAuthoritiesCanBeKilledAnywhere(t *testing.T) {
	for _, where := range []string{"authorities renewed", "committing m1", "committed m1"} {
		t.Run(where, func(t *testing.T) {
			f, inv, c := grown(t, 2)
			c.pass(3651)
			ctx, kill := context.WithCancel(t.Context())
			defer kill()
			o := f.Operator(inv, func(o *provision.Options) {
				o.Point = func(name string) {
					if name == where {
						kill()
						f.Host("m1").Hangup()
						f.Host("n1").Hangup()
						f.Host("n2").Hangup()
					}
				}
			})
			err := o.RenewAuthorities(ctx, func([]provision.Authority) (bool, error) { return true, nil })
			require.Error(t, err)
			require.NoError(t, o.Close())
			f.Quiet()
			_, err = renewAuthorities(t, f, inv)
			require.NoError(t, err)
			_, err = apply(t, f, inv, unprobe, renewing(provision.Renewal{}))
			require.NoError(t, err)
			if p, err := look(t, f, inv); assert.NoError(t, err) && !p.Empty() {
				_, err = apply(t, f, inv, unprobe) // a host had to be told twice
				require.NoError(t, err)
			}
			p, err := look(t, f, inv)
			require.NoError(t, err)
			assert.True(t, p.Empty(), "%v", p.Steps)
			for _, one := range certificates(t, f, inv).Certificates {
				assert.Equal(t, provision.CertValid, one.State, "%+v", one)
			}
		})
	}
}
