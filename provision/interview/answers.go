package interview

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
)

// Answers are those that are known before anything is asked: from flags, or
// from a file of answers, which is one JSON object of these fields.
type Answers struct {
	Name         string            `json:"name,omitempty"`
	Environment  string            `json:"environment,omitempty"`   // test or prod
	Hosts        []string          `json:"hosts,omitempty"`         // both master and node: addresses, ranges, names
	Masters      []string          `json:"masters,omitempty"`       // masters; those of nodes, too, are both
	Nodes        []string          `json:"nodes,omitempty"`         // nodes
	Etcd         []string          `json:"etcd,omitempty"`          // default: the masters
	HostNames    map[string]string `json:"host_names,omitempty"`    // by address; default: what hosts report, else master-N, node-N
	User         string            `json:"user,omitempty"`          // default root
	Port         int               `json:"port,omitempty"`          // default 22
	IdentityFile string            `json:"identity_file,omitempty"` // default: ssh-agent and ~/.ssh
	Bastion      string            `json:"bastion,omitempty"`       // [user@]host[:port]
	Sudo         *bool             `json:"sudo,omitempty"`          // default: true unless user is root
	Pods         string            `json:"pods,omitempty"`          // default 10.32.0.0/12, or one apart from the hosts
	Services     string            `json:"services,omitempty"`      // default 10.96.0.0/16, or one apart from the hosts
}

// maxAnswers bounds a file of answers.
const maxAnswers = 1 << 20

// ReadAnswers reads a file of answers: one JSON object, without fields that are
// not known.
func ReadAnswers(r io.Reader) (Answers, error) {
	var a Answers
	raw, err := io.ReadAll(io.LimitReader(r, maxAnswers+1))
	if err != nil {
		return a, fmt.Errorf("reading the answers: %w", err)
	}
	if len(raw) > maxAnswers {
		return a, fmt.Errorf("reading the answers: they are larger than %d bytes", maxAnswers)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&a); err != nil {
		return Answers{}, fmt.Errorf("reading the answers: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Answers{}, errors.New("reading the answers: something follows the object")
	}
	return a, nil
}

// Over puts other answers on top.
func (a Answers) Over(other Answers) Answers {
	text := func(into *string, value string) {
		if value != "" {
			*into = value
		}
	}
	list := func(into *[]string, value []string) {
		if len(value) > 0 {
			*into = value
		}
	}
	text(&a.Name, other.Name)
	text(&a.Environment, other.Environment)
	text(&a.User, other.User)
	text(&a.IdentityFile, other.IdentityFile)
	text(&a.Bastion, other.Bastion)
	text(&a.Pods, other.Pods)
	text(&a.Services, other.Services)
	list(&a.Hosts, other.Hosts)
	list(&a.Masters, other.Masters)
	list(&a.Nodes, other.Nodes)
	list(&a.Etcd, other.Etcd)
	if len(other.HostNames) > 0 {
		a.HostNames = other.HostNames
	}
	if other.Port != 0 {
		a.Port = other.Port
	}
	if other.Sudo != nil {
		a.Sudo = other.Sudo
	}
	return a
}

// GivesHosts reports whether hosts are among the answers.
func (a Answers) GivesHosts() bool { return len(a.Hosts)+len(a.Masters)+len(a.Nodes) > 0 }

func (a Answers) login() (Login, error) {
	l := Login{User: a.User, Port: a.Port, IdentityFile: a.IdentityFile, Bastion: a.Bastion}
	if l.User == "" {
		l.User = "root"
	}
	if l.Port == 0 {
		l.Port = 22
	}
	l.NoSudo = a.Sudo != nil && !*a.Sudo && l.User != "root"
	return l, nil
}

// roleOf are the hosts of one list of answers.
type roleOf struct {
	list         []string
	flag         string
	master, node bool
}

func (a Answers) lists() []roleOf {
	return []roleOf{{a.Hosts, "hosts", true, true}, {a.Masters, "masters", true, false}, {a.Nodes, "nodes", false, true}}
}

// expandOne expands the entries of a list; it says what was given twice.
func (s *session) expandOne(list []string, known []netip.Addr) ([]Place, error) {
	expansions, err := Addresses(s.ctx, strings.Join(list, ","), known, s.options.Resolve)
	if err != nil {
		return nil, err
	}
	var places []Place
	for _, e := range expansions {
		places = append(places, e.Places...)
		s.say("%s", describe(e))
	}
	return places, nil
}

// describe shows what an entry stands for.
func describe(e Expansion) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  %s", e.Written)
	switch n := len(e.Places); {
	case n == 1 && e.Places[0].Address.String() != e.Written:
		fmt.Fprintf(&b, ": %s", e.Places[0].Address)
	case n > 1:
		shown := make([]string, 0, n)
		for i, p := range e.Places {
			if n > 8 && i >= 3 && i < n-1 {
				if i == 3 {
					shown = append(shown, "…")
				}
				continue
			}
			shown = append(shown, p.Address.String())
		}
		fmt.Fprintf(&b, ": %d hosts: %s", n, strings.Join(shown, ", "))
	}
	if len(e.Twice) > 0 {
		twice := make([]string, 0, len(e.Twice))
		for _, a := range e.Twice {
			twice = append(twice, a.String())
		}
		fmt.Fprintf(&b, " (given twice, counted once: %s)", strings.Join(twice, ", "))
	}
	return b.String()
}

// hostsOf makes hosts of the answers' lists.
func (s *session) hostsOf(a Answers) ([]Host, error) {
	var hosts []Host
	at := map[netip.Addr]int{}
	for _, l := range a.lists() {
		list, err := s.expandOne(l.list, nil)
		if err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", l.flag, err)
		}
		for _, p := range list {
			i, known := at[p.Address]
			switch {
			case !known:
				at[p.Address] = len(hosts)
				hosts = append(hosts, Host{Address: p.Address, DNS: p.Name, Master: l.master, Node: l.node})
			case hosts[i].Master && hosts[i].Node:
				return nil, fmt.Errorf("cannot read %s: %s is among the hosts with both roles already", l.flag, p.Address)
			default:
				hosts[i].Node = true
			}
		}
	}
	return hosts, s.giveNames(hosts, a.HostNames)
}

func (s *session) giveNames(hosts []Host, names map[string]string) error {
	left := len(names)
	for i, h := range hosts {
		for _, key := range []string{h.Address.String(), h.DNS} {
			if name, ok := names[key]; ok && key != "" {
				hosts[i].Name = name
				left--
				break
			}
		}
	}
	if left > 0 {
		return errors.New("cannot read host_names: it names an address that is none of the hosts'")
	}
	return nil
}

// giveEtcd gives the role to what the answers name: addresses or names.
func (s *session) giveEtcd(hosts []Host, list []string) error {
	for _, word := range list {
		found := false
		for i, h := range hosts {
			if word == h.Name && word != "" {
				hosts[i].Etcd, found = true, true
			}
		}
		if found {
			continue
		}
		places, err := Addresses(s.ctx, word, nil, nil)
		if err != nil {
			return fmt.Errorf("cannot read etcd: %q is neither the name nor the address of a host", word)
		}
		for _, p := range places[0].Places {
			i := indexOf(hosts, p.Address)
			if i < 0 {
				return fmt.Errorf("cannot read etcd: %s is none of the hosts", p.Address)
			}
			hosts[i].Etcd = true
		}
	}
	return nil
}

func indexOf(hosts []Host, a netip.Addr) int {
	for i, h := range hosts {
		if h.Address == a {
			return i
		}
	}
	return -1
}
