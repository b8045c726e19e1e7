package etcdmember

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"provision/provision/cluster"
	"provision/provision/resource"
)

// Kind handles etcd members.
type Kind struct{}

// New returns the catalogue entry.
func New() resource.Kind[*cluster.Env] { return resource.Erase[*cluster.Env, Spec, State](Kind{}) }

// Name implements resource.Typed.
func (Kind) Name() string { return Name }

// Observe finds the member by its name, or by a peer URL while it has none:
// etcd learns a member's name when it starts for the first time.
func (Kind) Observe(ctx context.Context, env *cluster.Env, _ string, want Spec) (State, error) {
	members, err := env.Members.List(ctx)
	if err != nil {
		return State{}, fmt.Errorf("listing etcd members: %w", err)
	}
	return find(members, want), nil
}

func find(members []cluster.Member, want Spec) State {
	for _, member := range members {
		if member.Name == want.Member {
			return State{Exists: true, Member: member}
		}
	}
	for _, member := range members {
		if member.Name == "" && slices.ContainsFunc(member.PeerURLs, func(u string) bool { return slices.Contains(want.PeerURLs, u) }) {
			return State{Exists: true, Member: member}
		}
	}
	return State{Member: cluster.Member{Name: want.Member, PeerURLs: want.PeerURLs}}
}

// Apply adds the member, corrects its peer URLs and promotes it, as needed.
// Each step is one entry of etcd's own log, so a killed run leaves one of them
// done or not done.
func (k Kind) Apply(ctx context.Context, env *cluster.Env, name string, want Spec) error {
	have, err := k.Observe(ctx, env, name, want)
	if err != nil {
		return err
	}
	if want.Role == Absent {
		return remove(ctx, env, want, have)
	}
	if lost, _ := want.lostID(); have.Exists && lost != 0 && have.Member.ID == lost {
		if err := env.Members.Remove(ctx, lost); err != nil {
			return fmt.Errorf("removing the lost etcd member %s: %w", want.Member, err)
		}
		have.Exists = false
	}
	if !have.Exists {
		member, err := env.Members.AddLearner(ctx, want.PeerURLs)
		if err != nil {
			return fmt.Errorf("adding etcd member %s: %w", want.Member, err)
		}
		have = State{Exists: true, Member: member}
	}
	if !sameURLs(want.PeerURLs, have.Member.PeerURLs) {
		if err := env.Members.Update(ctx, have.Member.ID, want.PeerURLs); err != nil {
			return fmt.Errorf("changing peer URLs of etcd member %s: %w", want.Member, err)
		}
	}
	if want.Role == Voter && have.Member.Learner {
		return promote(ctx, env, want, have.Member.ID)
	}
	return nil
}

// remove takes a member out while it still runs, so that the others agree on it;
// etcd itself refuses what would leave them without a quorum. A leader hands
// over first: nobody waits for an election.
func remove(ctx context.Context, env *cluster.Env, want Spec, have State) error {
	if !have.Exists {
		return nil
	}
	if !have.Member.Learner {
		if err := lastVoter(ctx, env, want, have); err != nil {
			return err
		}
		if err := env.Members.MoveLeader(ctx, want.Member); err != nil {
			env.Report(fmt.Sprintf("etcd's leader could not be moved away from %s, the others elect one: %v", want.Member, err))
		}
	}
	if err := env.Members.Remove(ctx, have.Member.ID); err != nil {
		return fmt.Errorf("cannot remove etcd member %s: %w; the members that stay must be healthy first (provision status), then apply again", want.Member, err)
	}
	return nil
}

// lastVoter refuses to remove the only voter: its data would be all that is left.
func lastVoter(ctx context.Context, env *cluster.Env, want Spec, have State) error {
	members, err := env.Members.List(ctx)
	if err != nil {
		return fmt.Errorf("listing etcd members: %w", err)
	}
	for _, member := range members {
		if member.ID != have.Member.ID && !member.Learner {
			return nil
		}
	}
	return fmt.Errorf("cannot remove etcd member %s: it is the last voter, and all objects of the cluster would go with it; add a member on another host first", want.Member)
}

// wordEvery is how often to say that a member is still catching up.
const wordEvery = 10 * time.Second

// promote asks again while the learner catches up: etcd has no event for it.
func promote(ctx context.Context, env *cluster.Env, want Spec, id uint64) error {
	timeout := want.Timeout
	if timeout == 0 {
		timeout = 5 * time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	quiet := time.Duration(0) // until the next word about it
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := env.Members.Promote(ctx, id)
		if err == nil {
			return nil
		}
		if !errors.Is(err, cluster.ErrLearnerBehind) {
			return fmt.Errorf("promoting etcd member %s: %w", want.Member, err)
		}
		if quiet -= pause; quiet <= 0 {
			env.Report(fmt.Sprintf("etcd member %s is catching up with its leader", want.Member))
			quiet = wordEvery
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("cannot make etcd member %s a voter: %w within %s; look at \"journalctl -u etcd\" on its host, then apply again",
				want.Member, err, timeout)
		}
	}
}

// Restore removes a member that was not there before. One that was is left:
// a voter cannot become a learner again.
func (k Kind) Restore(ctx context.Context, env *cluster.Env, name string, before State) error {
	if before.Exists {
		return nil
	}
	want := Spec{Member: before.Member.Name, PeerURLs: before.Member.PeerURLs}
	have, err := k.Observe(ctx, env, name, want)
	if err != nil || !have.Exists {
		return err
	}
	if err := env.Members.Remove(ctx, have.Member.ID); err != nil {
		return fmt.Errorf("removing etcd member %s: %w", want.Member, err)
	}
	return nil
}
