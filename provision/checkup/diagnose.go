package checkup

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"provision/provision/access"
	"provision/provision/component/controlplane"
	"provision/provision/component/etcd"
	"provision/provision/component/etcdbackup"
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

// Diagnose looks for what is wrong with the cluster, or with some of its hosts,
// and why. It needs nothing to work but hosts that answer; nothing is changed.
func (rd *Reader) Diagnose(ctx context.Context, hosts ...string) (*Diagnosis, error) {
	in := doctor.Input{}
	rd.Fleet.Dial(ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	decision, err := identity.Decide(rd.Fleet.Inventory, rd.Fleet.Owned())
	if err != nil && len(rd.Fleet.Members) > 0 {
		in.Conflict = err.Error()
	}
	if errors.Is(err, identity.ErrForeign) {
		return nil, err // another cluster's hosts are nobody's patients here
	}
	if err == nil {
		rd.Fleet.Decision = decision
	}
	if in.Founded = rd.Fleet.Decision.Identity != nil; in.Founded {
		in.EtcdCluster = rd.Fleet.Decision.Identity.EtcdClusterID
	}
	for _, a := range rd.Keys.Due() {
		in.Authorities = append(in.Authorities, doctor.Authority{Name: a.Name, NotAfter: a.NotAfter, Ended: a.Ended})
	}
	expected := rd.Expect()
	var checked map[string]*Checkup
	var all sync.WaitGroup
	all.Go(func() { checked = rd.Checkups(true).All(ctx, rd.Fleet, expected) })
	if in.Founded {
		all.Go(func() {
			told := access.Ask(ctx, rd.API)
			in.Etcd, in.EtcdError, in.APIError = told.Etcd, told.EtcdError, told.ApiError
			in.Leaving = access.Leaving(rd.Fleet)
			if told.EtcdError == "" {
				in.Backups = etcdbackup.Warnings(ctx, rd.Fleet.Inventory, rd.API.EtcdValue, rd.Fleet.Now())
			}
			in.Nodes = slices.Collect(maps.Values(told.Nodes))
		})
	}
	all.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	in.API, in.Member, in.Proxy = controlplane.APIServer, etcd.Unit, kubeproxy.Unit
	d := &Diagnosis{Cluster: rd.Fleet.Inventory.Cluster.Name, Target: rd.Fleet.Target(), Findings: []doctor.Finding{}}
	if in.Founded {
		d.UUID = rd.Fleet.Decision.Identity.UUID
	}
	for _, h := range rd.Fleet.Inventory.Hosts {
		in.Hosts = append(in.Hosts, Doctor(rd.Fleet.Inventory, rd.Fleet, h, expected[h.Name], checked[h.Name]))
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
