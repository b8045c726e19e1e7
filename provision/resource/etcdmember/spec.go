package etcdmember

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"provision/provision/cluster"
	"provision/provision/resource"
)

// Name is the kind's name in addresses.
const Name = "etcdmember"

// Role is how far a member takes part.
type Role string

// The roles. Learner means at least known to the cluster: a voter satisfies it.
// Absent means that the cluster does not know the member.
const (
	Learner Role = "learner"
	Voter   Role = "voter"
	Absent  Role = "absent"
)

// Spec says how a member must be known to the cluster.
type Spec struct {
	Member   string   `json:"member"` // its name
	PeerURLs []string `json:"peer_urls"`
	Role     Role     `json:"role"`
	// Replaces is the id, in hex, of a member of this name whose data are lost:
	// it is removed and added anew, under another id.
	Replaces string `json:"replaces,omitempty"`
	// Timeout bounds the wait for a learner to catch up; five minutes if 0.
	Timeout time.Duration `json:"timeout,omitempty"`
}

// State is the member, if the cluster knows it.
type State struct {
	Exists bool           `json:"exists"`
	Member cluster.Member `json:"member"`
}

// Check validates a spec.
func (Kind) Check(_ string, want Spec) error {
	if want.Member == "" || len(want.PeerURLs) == 0 {
		return errors.New("an etcd member needs a name and peer URLs")
	}
	for _, text := range want.PeerURLs {
		parsed, err := url.Parse(text)
		if err != nil || parsed.Scheme != "https" && parsed.Scheme != "http" || parsed.Port() == "" {
			return fmt.Errorf("%q is no peer URL; write https://ADDRESS:2380", text)
		}
	}
	if want.Role != Learner && want.Role != Voter && want.Role != Absent {
		return fmt.Errorf("role %q is unknown; use %s, %s or %s", want.Role, Learner, Voter, Absent)
	}
	if _, err := want.lostID(); err != nil {
		return err
	}
	return nil
}

func (s Spec) lostID() (uint64, error) {
	if s.Replaces == "" {
		return 0, nil
	}
	id, err := strconv.ParseUint(s.Replaces, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("reading id of the lost member %q: %w", s.Replaces, err)
	}
	return id, nil
}

// Diff compares membership, peer URLs and role.
func (Kind) Diff(_ string, want Spec, have State) []resource.Change {
	if want.Role == Absent {
		return gone(have)
	}
	if !have.Exists {
		return []resource.Change{{Field: "member", New: "added as learner", Create: true}}
	}
	if lost, _ := want.lostID(); lost != 0 && have.Member.ID == lost {
		return []resource.Change{{Field: "member", Old: want.Replaces + " (data lost)", New: "removed and added as learner"}}
	}
	var changes []resource.Change
	if !sameURLs(want.PeerURLs, have.Member.PeerURLs) {
		changes = append(changes, resource.Change{Field: "peer_urls", Old: fmt.Sprint(have.Member.PeerURLs), New: fmt.Sprint(want.PeerURLs)})
	}
	if want.Role == Voter && have.Member.Learner {
		changes = append(changes, resource.Change{Field: "role", Old: string(Learner), New: string(Voter)})
	}
	return changes
}

func gone(have State) []resource.Change {
	if !have.Exists {
		return nil
	}
	return []resource.Change{{Field: "member", Old: ID(have.Member.ID), New: "removed"}}
}

func sameURLs(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// ID is a member's id as etcdctl prints it.
func ID(id uint64) string { return strconv.FormatUint(id, 16) }
