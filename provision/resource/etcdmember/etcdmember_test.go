package etcdmember

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/cluster"
)

// etcd is a fake cluster whose learners catch up after some requests.
type etcd struct {
	members []cluster.Member
	next    uint64
	behind  int
	failure error
	log     []string
}

func (e *etcd) List(context.Context) ([]cluster.Member, error) { return e.members, e.failure }

func (e *etcd) AddLearner(_ context.Context, urls []string) (cluster.Member, error) {
	e.next++
	member := cluster.Member{ID: 100 + e.next, PeerURLs: urls, Learner: true}
	e.members = append(e.members, member)
	e.log = append(e.log, "add")
	return member, e.failure
}

func (e *etcd) Promote(_ context.Context, id uint64) error {
	if e.behind--; e.behind >= 0 {
		return cluster.ErrLearnerBehind
	}
	e.log = append(e.log, "promote")
	for i := range e.members {
		e.members[i].Learner = e.members[i].Learner && e.members[i].ID != id
	}
	return nil
}

func (e *etcd) Update(_ context.Context, id uint64, urls []string) error {
	e.log = append(e.log, "update")
	for i := range e.members {
		if e.members[i].ID == id {
			e.members[i].PeerURLs = urls
		}
	}
	return nil
}

func (e *etcd) MoveLeader(_ context.Context, name string) error {
	e.log = append(e.log, "move leader from "+name)
	return nil
}

func (e *etcd) Remove(_ context.Context, id uint64) error {
	e.log = append(e.log, "remove")
	for i := range e.members {
		if e.members[i].ID == id {
			e.members = append(e.members[:i:i], e.members[i+1:]...)
			break
		}
	}
	return nil
}

func wanted(role Role) Spec {
	return Spec{Member: "e2", PeerURLs: []string{"https://10.0.0.2:2380"}, Role: role}
}

func TestApply(t *testing.T) {
	first := cluster.Member{ID: 1, Name: "e1", PeerURLs: []string{"https://10.0.0.1:2380"}}
	unstarted := cluster.Member{ID: 2, PeerURLs: []string{"https://10.0.0.2:2380"}, Learner: true}
	started := cluster.Member{ID: 2, Name: "e2", PeerURLs: []string{"https://10.0.0.2:2380"}, Learner: true}
	moved := cluster.Member{ID: 2, Name: "e2", PeerURLs: []string{"https://10.9.9.9:2380"}}
	lost := wanted(Learner)
	lost.Replaces = "2"
	for name, tc := range map[string]struct {
		have []cluster.Member
		want Spec
		log  []string
	}{
		"new":                 {[]cluster.Member{first}, wanted(Learner), []string{"add"}},
		"added, not started":  {[]cluster.Member{first, unstarted}, wanted(Learner), nil},
		"learner is promoted": {[]cluster.Member{first, started}, wanted(Voter), []string{"promote"}},
		"new voter":           {[]cluster.Member{first}, wanted(Voter), []string{"add", "promote"}},
		"address moved":       {[]cluster.Member{first, moved}, wanted(Learner), []string{"update"}},
		"data lost":           {[]cluster.Member{first, started}, lost, []string{"remove", "add"}},
	} {
		t.Run(name, func(t *testing.T) {
			fake := &etcd{members: tc.have, behind: 2}
			env := &cluster.Env{Members: fake}
			for range 2 { // the second run finds nothing to do
				require.NoError(t, Kind{}.Apply(t.Context(), env, "e2", tc.want))
			}
			assert.Equal(t, tc.log, fake.log)
			have, err := Kind{}.Observe(t.Context(), env, "e2", tc.want)
			require.NoError(t, err)
			assert.Empty(t, Kind{}.Diff("e2", tc.want, have))
		})
	}
}

func TestPromotionEndsWithItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reported []string
		fake := &etcd{members: []cluster.Member{{ID: 2, Name: "e2", PeerURLs: wanted(Voter).PeerURLs, Learner: true}}, behind: 1 << 30}
		want := wanted(Voter)
		want.Timeout = 9 * time.Second
		err := Kind{}.Apply(t.Context(), &cluster.Env{Members: fake, Progress: func(s string) { reported = append(reported, s) }}, "e2", want)
		require.ErrorIs(t, err, cluster.ErrLearnerBehind)
		assert.ErrorContains(t, err, "journalctl -u etcd")
		assert.Len(t, reported, 1, "one word about it in ten seconds")
	})
}

func TestRestoreRemovesOnlyWhatWasAdded(t *testing.T) {
	fake := &etcd{}
	env := &cluster.Env{Members: fake}
	before, err := Kind{}.Observe(t.Context(), env, "e2", wanted(Learner))
	require.NoError(t, err)
	require.NoError(t, Kind{}.Apply(t.Context(), env, "e2", wanted(Learner)))
	there, err := Kind{}.Observe(t.Context(), env, "e2", wanted(Learner))
	require.NoError(t, err)
	require.NoError(t, Kind{}.Restore(t.Context(), env, "e2", there))
	assert.Len(t, fake.members, 1, "a member that was there stays")
	require.NoError(t, Kind{}.Restore(t.Context(), env, "e2", before))
	assert.Empty(t, fake.members)
	require.NoError(t, Kind{}.Restore(t.Context(), env, "e2", before), "restoring twice")
}

func TestErrorsAreWrapped(t *testing.T) {
	cause := errors.New("no quorum")
	_, err := Kind{}.Observe(t.Context(), &cluster.Env{Members: &etcd{failure: cause}}, "e2", wanted(Learner))
	require.ErrorIs(t, err, cause)
}

func TestCheck(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Spec)
		want   string
	}{
		"no name": {func(s *Spec) { s.Member = "" }, "name"},
		"no url":  {func(s *Spec) { s.PeerURLs = nil }, "peer URLs"},
		"no port": {func(s *Spec) { s.PeerURLs = []string{"https://a"} }, "no peer URL"},
		"scheme":  {func(s *Spec) { s.PeerURLs = []string{"ftp://a:1"} }, "no peer URL"},
		"role":    {func(s *Spec) { s.Role = "leader" }, "leader"},
		"lost id": {func(s *Spec) { s.Replaces = "xyz" }, "xyz"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := wanted(Voter)
			require.NoError(t, Kind{}.Check("e2", spec))
			tc.change(&spec)
			require.ErrorContains(t, Kind{}.Check("e2", spec), tc.want)
		})
	}
}

func TestAbsentMemberIsRemovedAfterItsLeadershipMoved(t *testing.T) {
	fake := &etcd{members: []cluster.Member{{ID: 1, Name: "e1", PeerURLs: []string{"https://10.0.0.1:2380"}},
		{ID: 2, Name: "e2", PeerURLs: []string{"https://10.0.0.2:2380"}}}}
	env := &cluster.Env{Members: fake}
	have, err := Kind{}.Observe(t.Context(), env, "e2", wanted(Absent))
	require.NoError(t, err)
	assert.Equal(t, "removed", Kind{}.Diff("e2", wanted(Absent), have)[0].New)
	for range 2 { // the second finds nothing to do
		require.NoError(t, Kind{}.Apply(t.Context(), env, "e2", wanted(Absent)))
	}
	assert.Equal(t, []string{"move leader from e2", "remove"}, fake.log)
}

func TestLastVoterIsNotRemoved(t *testing.T) {
	fake := &etcd{members: []cluster.Member{{ID: 1, Name: "e1", Learner: true, PeerURLs: []string{"https://10.0.0.1:2380"}},
		{ID: 2, Name: "e2", PeerURLs: []string{"https://10.0.0.2:2380"}}}}
	err := Kind{}.Apply(t.Context(), &cluster.Env{Members: fake}, "e2", wanted(Absent))
	assert.ErrorContains(t, err, "last voter")
	assert.Empty(t, fake.log)
}
