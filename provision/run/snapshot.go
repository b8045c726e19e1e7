package run

import (
	"context"
	"fmt"
	"path"

	"provision/provision/agent/api"
	"provision/provision/component"
	etcdcomponent "provision/provision/component/etcd"
	"provision/provision/event"
	"provision/provision/resource"
	"provision/provision/survey"
)

// snapshot takes one with the host's own tools, and says where it is.
func (s *Steps) snapshot(ctx context.Context, a resource.Address) error {
	hop := s.survey.Hops[0]
	result, err := s.o.Keep(ctx, a.Host, fmt.Sprintf("before-%s-etcd-%s-%s.db", hop.Kubernetes, hop.Etcd, s.o.Fleet.Now().UTC().Format("20060102T150405Z")), s.epoch)
	if err != nil {
		return fmt.Errorf("nothing of the control plane is changed without a snapshot of etcd: %w", err)
	}
	s.o.Fleet.Emit(event.Event{Type: event.Note, Host: a.Host, Text: fmt.Sprintf("A snapshot of etcd is in %s on %s: %d keys at revision %d, %.1f MB, verified",
		result.Path, a.Host, result.Keys, result.Revision, float64(result.Size)/1e6)})
	return nil
}

// Keep takes a snapshot of a host's etcd member, under a name on that host.
func (rn *Runner) Keep(ctx context.Context, host, name string, epoch uint64) (api.SnapshotResult, error) {
	pki := func(name string) string { return path.Join(etcdcomponent.PKIDir, name) }
	return api.Snapshot.Call(ctx, rn.Fleet.Members[host].Agent, api.SnapshotParams{
		Epoch: epoch, Name: name, Keep: survey.KeptSnapshots, Within: survey.SnapshotLimit, Programs: component.BinDir,
		Data:     path.Join(etcdcomponent.MemberDir(rn.Fleet.Inventory), "snap", "db"),
		Endpoint: fmt.Sprintf("https://127.0.0.1:%d", component.EtcdClientPort),
		CA:       pki("ca.crt"), Cert: pki("client.crt"), Key: pki("client.key"),
	})
}
