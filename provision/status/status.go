package status

import (
	"context"
	"maps"
	"slices"
	"sort"
	"sync"

	"provision/provision/access"
	"provision/provision/bundle/lock"
	"provision/provision/checkup"
	"provision/provision/component/etcdbackup"
	"provision/provision/etcd"
	"provision/provision/inventory"
	"provision/provision/kube"
)

// Status is a cluster at a glance.
type Status struct {
	Cluster string              `json:"cluster"`
	UUID    string              `json:"uuid,omitempty"`
	Target  string              `json:"target"`
	Version string              `json:"version,omitempty"` // of the API server that answered
	Hosts   []HostStatus        `json:"hosts"`
	Etcd    []etcd.MemberStatus `json:"etcd,omitempty"`
	// Leaving are hosts of the cluster that are not in the inventory any more.
	Leaving []string `json:"leaving,omitempty"`
	// Foreign are Nodes of no host in the inventory, nor of one that leaves.
	Foreign []kube.NodeStatus `json:"foreign,omitempty"`
	// APIError and EtcdError say why they could not be asked.
	APIError  string `json:"api_error,omitempty"`
	EtcdError string `json:"etcd_error,omitempty"`
	// Backups say what is wrong with the backups of etcd.
	Backups []string `json:"backups,omitempty"`
}

// Healthy reports whether everything that was asked is well.
func (s *Status) Healthy() bool {
	if s.APIError != "" || s.EtcdError != "" || len(s.Backups) > 0 {
		return false
	}
	for _, h := range s.Hosts {
		if h.Error != "" || len(h.PendingRestarts) > 0 || h.Node != nil && (!h.Node.Ready || h.Node.Deleting != "") || !h.Running() || !h.certain() {
			return false
		}
	}
	for _, m := range s.Etcd {
		if !m.Healthy {
			return false
		}
	}
	return true
}

// Status asks hosts, etcd and the API. Nothing is changed.
func (rd *Reader) Status(ctx context.Context) (*Status, error) {
	if err := rd.Fleet.Identify(ctx); err != nil {
		return nil, err
	}
	s := &Status{Cluster: rd.Fleet.Inventory.Cluster.Name, Target: rd.Fleet.Target(), Leaving: access.Leaving(rd.Fleet)}
	if rd.Fleet.Decision.Identity == nil {
		s.APIError = "there is no cluster yet; create it with: provision apply"
	} else {
		s.UUID = rd.Fleet.Decision.Identity.UUID
	}
	expected := rd.Expect()
	var told access.Answers
	var checked map[string]*checkup.Checkup
	var all sync.WaitGroup
	all.Go(func() { checked = rd.Checkups(false).All(ctx, rd.Fleet, expected) })
	if rd.Fleet.Decision.Identity != nil {
		all.Go(func() {
			told = access.Ask(ctx, rd.API)
			if told.EtcdError == "" {
				s.Backups = etcdbackup.Warnings(ctx, rd.Fleet.Inventory, rd.API.EtcdValue, rd.Fleet.Now())
			}
		})
	}
	all.Wait()
	if rd.Fleet.Decision.Identity != nil {
		s.Foreign = access.Foreign(rd.Fleet, slices.Collect(maps.Values(told.Nodes)))
		s.Version, s.Etcd, s.APIError, s.EtcdError = told.Version, told.Etcd, told.ApiError, told.EtcdError
	}
	known := lock.Versions()
	roster := rd.Fleet.Known()
	for _, h := range rd.Fleet.Inventory.Hosts {
		status := rd.hostStatus(h, told.Nodes)
		status.Isolated = roster[h.Name].Isolated
		if mark := roster[h.Name].Reboot; mark != nil {
			status.Rebooting = mark.Since
		}
		if c := checked[h.Name]; c != nil && c.Err == nil {
			status.fill(expected[h.Name], c, known)
			status.silence(expected[h.Name].Silent(c.Health.Silent, s.APIError == ""))
			if s.APIError == "" {
				status.unhealthy(c.Probes)
			}
		} else if c != nil {
			status.Error = c.Err.Error()
		}
		s.Hosts = append(s.Hosts, status)
	}
	return s, ctx.Err()
}

func (rd *Reader) hostStatus(h inventory.Host, nodes map[string]kube.NodeStatus) HostStatus {
	status := HostStatus{Name: h.Name, Address: h.Address.String(), Roles: h.Roles}
	if err := rd.Fleet.Absent[h.Name].Why; err != nil {
		status.Error = err.Error()
	}
	if m := rd.Fleet.Members[h.Name]; m != nil {
		status.OS, status.Kernel, status.NeedsBoot = m.Facts.OS.Name, m.Facts.Kernel, m.Facts.NeedsBoot
		for unit := range m.Facts.Owned.Restarts {
			status.PendingRestarts = append(status.PendingRestarts, unit)
		}
		sort.Strings(status.PendingRestarts)
	}
	if n, ok := nodes[h.Name]; ok {
		status.Node = &n
	}
	return status
}
