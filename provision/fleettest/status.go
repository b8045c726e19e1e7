package fleettest

import (
	"context"
	"errors"
	"slices"
	"strings"

	"provision/provision/etcd"
	"provision/provision/kube"
)

// Status implements provision.API: a Node is Ready unless its kubelet is sick.
func (a *API) Status(context.Context) (kube.Status, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var status kube.Status
	for ref, object := range a.objects {
		if ref.Kind != "Node" {
			continue
		}
		n := kube.NodeStatus{Name: ref.Name, Ready: a.sick[ref.Name] == nil}
		if !n.Ready {
			n.Reason = a.sick[ref.Name].Error()
		}
		n.Deleting, _ = asMap(object["metadata"])["deletionTimestamp"].(string)
		n.Unschedulable, _ = asMap(object["spec"])["unschedulable"].(bool)
		status.Nodes = append(status.Nodes, n)
	}
	slices.SortFunc(status.Nodes, func(x, y kube.NodeStatus) int { return strings.Compare(x.Name, y.Name) })
	return status, a.down
}

// EtcdStatus implements provision.API: members are healthy while the API is up.
func (a *API) EtcdStatus(context.Context) ([]etcd.MemberStatus, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var list []etcd.MemberStatus
	for _, m := range a.members {
		list = append(list, etcd.MemberStatus{Member: m, Healthy: a.down == nil})
	}
	return list, a.down
}

// Summary implements provision.API: the objects whose kind the path names.
func (a *API) Summary(_ context.Context, path string) ([]map[string]any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	plural, _, _ := strings.Cut(path[strings.LastIndex(path, "/")+1:], "?")
	var list []map[string]any
	for ref, object := range a.objects {
		if strings.ToLower(ref.Kind)+"s" == plural {
			list = append(list, object)
		}
	}
	return list, a.down
}

// Deprecated implements provision.API: nobody uses what goes.
func (a *API) Deprecated(context.Context) (map[string][]kube.Deprecated, error) { return nil, nil }

// Leftovers implements provision.API: nothing was written through what goes.
func (a *API) Leftovers(context.Context, int, int) ([]kube.Leftover, error) { return nil, nil }

// Upkeep implements provision.API: there are no databases.
func (a *API) Upkeep(context.Context) (etcd.Upkeep, error) {
	return nil, errors.New("this etcd has no databases")
}

// EtcdValue implements provision.API: of what EtcdValues has.
func (a *API) EtcdValue(_ context.Context, key string) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.EtcdValues[key], a.down
}

// EtcdRevision implements provision.API.
func (a *API) EtcdRevision(context.Context) (int64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return int64(a.version), a.down
}
