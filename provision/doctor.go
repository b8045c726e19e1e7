package provision

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"provision/provision/checkup"
	"provision/provision/component"
	"provision/provision/component/controlplane"
	"provision/provision/component/etcd"
	"provision/provision/component/kubeproxy"
	"provision/provision/doctor"
	"provision/provision/identity"
)

// Diagnosis is what the doctor says.
type Diagnosis struct {
	Cluster  string           `json:"cluster"`
	UUID     string           `json:"uuid,omitempty"`
	Target   string           `json:"target"`
	Healthy  bool             `json:"healthy"` // no finding is a problem
	Hosts    []string         `json:"hosts"`   // that were looked at
	Services int              `json:"services"`
	Findings []doctor.Finding `json:"findings"`
}

// Doctor looks for what is wrong with the cluster, or with some of its hosts,
// and why. It needs nothing to work but hosts that answer; nothing is changed.
func (o *Operator) Doctor(ctx context.Context, hosts ...string) (*Diagnosis, error) {
	in := doctor.Input{}
	o.dial(ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	decision, err := identity.Decide(o.Inventory, o.fleet.Owned())
	if err != nil && len(o.fleet.Members) > 0 {
		in.Conflict = err.Error()
	}
	if errors.Is(err, identity.ErrForeign) {
		return nil, err // another cluster's hosts are nobody's patients here
	}
	if err == nil {
		o.decision = decision
	}
	if in.Founded = o.decision.Identity != nil; in.Founded {
		in.EtcdCluster = o.decision.Identity.EtcdClusterID
	}
	for _, a := range o.dueAuthorities() {
		in.Authorities = append(in.Authorities, doctor.Authority{Name: a.Name, NotAfter: a.NotAfter, Ended: a.Ended})
	}
	expected := o.expect()
	var checked map[string]*checkup.Checkup
	var all sync.WaitGroup
	all.Go(func() { checked = o.checkups(true).All(ctx, o.fleet, expected) })
	if in.Founded {
		all.Go(func() {
			told := ask(ctx, o.api)
			in.Etcd, in.EtcdError, in.APIError = told.etcd, told.etcdError, told.apiError
			in.Nodes = slices.Collect(maps.Values(told.nodes))
		})
	}
	all.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	in.API, in.Member, in.Proxy = controlplane.APIServer, etcd.Unit, kubeproxy.Unit
	d := &Diagnosis{Cluster: o.Inventory.Cluster.Name, Target: o.Target(), Findings: []doctor.Finding{}}
	if in.Founded {
		d.UUID = o.decision.Identity.UUID
	}
	for _, h := range o.Inventory.Hosts {
		in.Hosts = append(in.Hosts, checkup.Doctor(o.Inventory, o.fleet, h, expected[h.Name], checked[h.Name]))
		if len(hosts) == 0 || slices.Contains(hosts, h.Name) {
			d.Hosts = append(d.Hosts, h.Name)
			if e := expected[h.Name]; e != nil {
				d.Services += len(e.Units)
			}
		}
	}
	for _, finding := range doctor.Diagnose(in) {
		if len(hosts) == 0 || finding.Host == doctor.ClusterHost || slices.Contains(hosts, finding.Host) {
			d.Findings = append(d.Findings, finding)
		}
	}
	d.Healthy = doctor.Healthy(d.Findings)
	return d, nil
}

// expect works out what hosts must have.
func (o *Operator) expect() map[string]*checkup.Expectation {
	known := component.Cluster{Inventory: o.Inventory, Facts: o.fleet.Facts(), Artifacts: o.Store}
	if o.decision.Identity != nil {
		known.Identity = *o.decision.Identity
	}
	known.PodCIDRs, _ = o.podRanges() // without them, what can be told is better than nothing
	return checkup.Expect(known, o.Components, o.fleet.Answered(o.Inventory))
}

// checkups are how hosts are looked at.
func (o *Operator) checkups(deep bool) checkup.Look {
	return checkup.Look{Inventory: o.Inventory, Now: o.Now, Deep: deep}
}
