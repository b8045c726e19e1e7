package safety

import (
	"fmt"
	"slices"
	"strings"
)

// voter is an etcd member that votes.
type voter struct {
	name    string
	healthy bool // its host answered and has its data
}

// quorum refuses removals of etcd members at which the members that stay could
// not agree at some moment. Dead members go first: that only helps. It says in
// which order the same is safe.
func quorum(voters []voter, leaving []string) error {
	var dead, alive []string
	for _, v := range voters {
		switch {
		case !slices.Contains(leaving, v.name):
		case v.healthy:
			alive = append(alive, v.name)
		default:
			dead = append(dead, v.name)
		}
	}
	left := slices.Clone(voters)
	for _, name := range append(dead, alive...) {
		left = slices.DeleteFunc(left, func(v voter) bool { return v.name == name })
		if len(left) == 0 {
			return fmt.Errorf("cannot remove etcd member %s: it is the last one, and every object of the cluster would be lost; give another host the role etcd, apply, then remove this one", name)
		}
		healthy, ill := 0, []string(nil)
		for _, v := range left {
			if v.healthy {
				healthy++
			} else {
				ill = append(ill, v.name)
			}
		}
		if need := len(left)/2 + 1; healthy < need {
			return fmt.Errorf("cannot remove etcd member %s: of the %d members that stay %d must answer, and only %d do (%s does not); bring it back or replace it first (keep %s in the inventory, apply), then remove this one",
				name, len(left), need, healthy, strings.Join(ill, ", "), name)
		}
	}
	return nil
}
