package agent

import (
	"context"

	"provision/provision/agent/api"
	"provision/provision/agent/hostfacts"
	"provision/provision/agent/keys"
	"provision/provision/facts"
	"provision/provision/internal/etcdlog"
	"provision/provision/internal/names"
	"provision/provision/internal/system"
)

// facts tells what the operator must know before it can wish. Everything is a
// plain read: nothing is run.
func (s *session) facts(_ context.Context, params api.FactsParams) (facts.Host, error) {
	files := s.sys.Files
	locked := s.lockedByOthers() // asked first: who comes later raises the epoch
	state, err := s.state()
	if err != nil {
		return facts.Host{}, err
	}
	host := hostfacts.HostFacts(files, state)
	host.Clock, host.Owned, host.Locked = s.sys.Now().UTC(), state.Owned(), locked
	host.Owned.Copies = s.keys.Copies(state)
	host.Owned.Identity = keys.HeldAs(host.Owned.Identity, host.Owned.Copies)
	host.Owned.Unsettled = s.keys.Unsettled()
	host.Blobs = s.blobs()
	for _, path := range params.Paths {
		if _, err := files.Lstat(path); err == nil {
			host.Present = append(host.Present, path)
		}
		if owner, _, err := etcdlog.Read(files, path); err == nil && owner.Member != "" {
			host.Etcd = &facts.EtcdData{Member: owner.Member, Cluster: owner.Cluster}
		}
	}
	if host.Addresses, err = s.options.Addresses(); err != nil {
		return host, err
	}
	return host, nil
}

// blobs are the verified ones.
func (s *session) blobs() []string {
	entries, err := s.sys.Files.ReadDir(system.BlobDir)
	if err != nil {
		return nil
	}
	var out []string
	for _, entry := range entries {
		if names.SHA256(entry.Name()) {
			out = append(out, entry.Name())
		}
	}
	return out
}
