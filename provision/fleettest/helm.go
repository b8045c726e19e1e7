package fleettest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"provision/provision/cluster"
)

type releases struct{ *API }

func (r releases) History(_ context.Context, namespace, name string) ([]cluster.Revision, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.releases[namespace+"/"+name]), r.down
}

func (r releases) add(c cluster.Chart) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := c.Namespace + "/" + c.Name
	r.charts[key] = c
	history := r.releases[key]
	for i := range history {
		history[i].Status = cluster.StatusSuperseded
	}
	r.writes++
	r.releases[key] = append(history, cluster.Revision{Number: len(history) + 1, Status: cluster.StatusDeployed, Digest: c.Digest})
	return r.down
}

// Render implements cluster.Releases: charts make nothing here.
func (r releases) Render(cluster.Chart) ([]cluster.Object, error) { return nil, nil }

// Installed implements cluster.Releases.
func (r releases) Installed(_ context.Context, namespace, name string) (*cluster.Installed, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.releases[namespace+"/"+name]) == 0 {
		return nil, r.down
	}
	c := r.charts[namespace+"/"+name]
	return &cluster.Installed{Chart: name, Version: "1.0.0", Values: c.Values, Hidden: c.Hidden}, r.down
}

func (r releases) Install(_ context.Context, c cluster.Chart) error { return r.add(c) }

func (r releases) Upgrade(_ context.Context, c cluster.Chart) error { return r.add(c) }

func (r releases) Rollback(_ context.Context, namespace, name string, revision int, _ time.Duration) error {
	r.mu.Lock()
	c := r.charts[namespace+"/"+name]
	c.Namespace, c.Name, c.Digest = namespace, name, r.releases[namespace+"/"+name][revision-1].Digest
	r.mu.Unlock()
	return r.add(c)
}

func (r releases) Uninstall(_ context.Context, namespace, name string, _ time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writes++
	if r.down == nil {
		delete(r.releases, namespace+"/"+name)
	}
	return r.down
}

// members is etcd's membership; everybody caught up at once.
type members struct{ *API }

func (m members) List(context.Context) ([]cluster.Member, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.members), m.down
}

func (m members) AddLearner(_ context.Context, urls []string) (cluster.Member, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writes++
	m.lastMember++
	added := cluster.Member{ID: m.lastMember, PeerURLs: urls, Learner: true}
	m.members = append(m.members, added)
	return added, m.down
}

// started tells that the member of a host runs, and returns its id: the listed
// one's, or that of a first member of the cluster. Nobody else may start.
func (a *API) started(host, url string, first bool) (uint64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.members {
		if slices.Equal(a.members[i].PeerURLs, []string{url}) {
			a.members[i].Name = host
			return a.members[i].ID, nil
		}
	}
	if !first {
		return 0, fmt.Errorf("starting etcd of %s: error validating peerURLs: member count is unequal", host)
	}
	a.lastMember++
	a.members = append(a.members, cluster.Member{ID: a.lastMember, Name: host, PeerURLs: []string{url}})
	return a.lastMember, nil
}

// Members are etcd's.
func (a *API) Members() []cluster.Member {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.members)
}

// RemoveMember is "etcdctl member remove" of a host's member.
func (a *API) RemoveMember(host string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.members = slices.DeleteFunc(a.members, func(member cluster.Member) bool { return member.Name == host })
}

func (m members) edit(id uint64, change func(*cluster.Member)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writes++
	for i := range m.members {
		if m.members[i].ID == id {
			change(&m.members[i])
		}
	}
	return m.down
}

func (m members) Promote(_ context.Context, id uint64) error {
	return m.edit(id, func(member *cluster.Member) { member.Learner = false })
}

func (m members) Update(_ context.Context, id uint64, urls []string) error {
	return m.edit(id, func(member *cluster.Member) { member.PeerURLs = urls })
}

func (m members) MoveLeader(context.Context, string) error { return nil }

func (m members) Remove(_ context.Context, id uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writes++
	m.members = slices.DeleteFunc(m.members, func(member cluster.Member) bool { return member.ID == id })
	return m.down
}
