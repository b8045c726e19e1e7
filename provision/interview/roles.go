package interview

import (
	"errors"
	"fmt"
	"strings"
)

const (
	both       = "1"
	onlyMaster = "2"
	onlyNode   = "3"
)

func roleWords(h Host) string {
	switch {
	case h.Master && h.Node:
		return "master and node"
	case h.Master:
		return "master"
	}
	return "node"
}

// suggestedRole is what fits a cluster of n hosts: three masters where there
// are three hosts; they run pods, too, while there are few others.
func suggestedRole(i, n int) string {
	switch {
	case n < 3 && i > 0, i >= 3:
		return onlyNode
	case n >= 6:
		return onlyMaster
	}
	return both
}

// roles asks what each host does.
func (s *session) roles() error {
	hosts := s.draft.Hosts
	if s.options.Answers.GivesHosts() {
		return anyRole(hosts)
	}
	for {
		s.say("What does each host do? 1 master and node, 2 only master, 3 only node; 3* is for this host and all that follow.")
		if err := s.askRoles(hosts); err != nil {
			return err
		}
		err := anyRole(hosts)
		if err == nil {
			return nil
		}
		s.say("  %s", firstLine(err))
	}
}

func (s *session) askRoles(hosts []Host) error {
	rest := ""
	for i := range hosts {
		answer := rest
		if rest == "" {
			var err error
			answer, err = s.ask("Role of "+label(hosts[i]), suggestedRole(i, len(hosts)), func(text string) error {
				return oneOf(both, onlyMaster, onlyNode)(strings.TrimSuffix(text, "*"))
			})
			if err != nil {
				return err
			}
			if r, all := strings.CutSuffix(answer, "*"); all {
				answer, rest = r, r
			}
		}
		hosts[i].Master, hosts[i].Node = answer != onlyNode, answer != onlyMaster
	}
	return nil
}

func label(h Host) string {
	text := h.Address.String()
	if h.Report != nil && h.Report.Hostname != "" {
		return text + " (" + h.Report.Hostname + ")"
	}
	return text
}

func anyRole(hosts []Host) error {
	masters, nodes := 0, 0
	for _, h := range hosts {
		if h.Master {
			masters++
		}
		if h.Node {
			nodes++
		}
	}
	switch {
	case masters == 0:
		return errors.New("no host is a master; a cluster needs one at least (three survive the loss of one)")
	case nodes == 0:
		return errors.New("no host is a node; pods need one at least")
	}
	return nil
}

// etcd chooses who keeps the cluster's state: the masters, an odd number of
// them.
func (s *session) etcd() error {
	hosts := s.draft.Hosts
	if list := s.options.Answers.Etcd; len(list) > 0 {
		return s.giveEtcd(hosts, list)
	}
	masters := 0
	for i := range hosts {
		if hosts[i].Etcd = hosts[i].Master; hosts[i].Master {
			masters++
		}
	}
	members := min(masters, 7)
	members -= 1 - members%2
	if members == masters {
		return nil
	}
	s.say("etcd keeps the cluster's state on masters. A majority of its members must live: %d members survive the loss of %d, and so do %d.",
		masters, (masters-1)/2, members)
	if s.options.Ask {
		fewer, err := s.yes(fmt.Sprintf("Keep etcd on %d of the %d masters only?", members, masters), true)
		if err != nil || !fewer {
			return err
		}
	} else {
		s.say("etcd goes to the first %d of the %d masters; --etcd chooses others.", members, masters)
	}
	left := members
	for i := range hosts {
		if hosts[i].Master {
			hosts[i].Etcd = left > 0
			left--
		}
	}
	return nil
}
