package interview

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// cluster asks for the name and what the cluster is for.
func (s *session) cluster() error {
	a := s.options.Answers
	var err error
	s.draft.Login = Login{User: "root", Port: 22}
	s.draft.Name, err = s.value(a.Name, "Name of the cluster", "", "name", func(text string) error {
		if text == "" {
			return errors.New("A cluster needs a name, such as dc1.") //nolint:staticcheck // shown as it is
		}
		d := s.draft
		d.Name = text
		return d.try(s.ctx)
	})
	if err != nil {
		return err
	}
	if s.options.Ask && a.Environment == "" {
		s.say("A prod cluster is changed only after its name was typed; a test cluster after yes.")
	}
	s.draft.Environment, err = s.value(a.Environment, "Is it test or prod?", "test", "environment", oneOf("test", "prod"))
	return err
}

// login asks how to reach the hosts.
func (s *session) login() error {
	a := s.options.Answers
	if s.options.Lab != "" {
		s.draft.Login, _ = a.login()
		s.say("The hosts of lab %s are reached by the lab's own key.", s.options.Lab)
		return s.tryLogin(s.draft.Login)
	}
	if !s.options.Ask {
		l, err := a.login()
		s.draft.Login = l
		return errors.Join(err, s.tryLogin(l))
	}
	l, err := s.askLogin(a)
	s.draft.Login = l
	return err
}

func (s *session) tryLogin(l Login) error {
	d := s.draft
	d.Login = l
	if err := d.try(s.ctx); err != nil {
		return fmt.Errorf("cannot log in to hosts like this: %w", err)
	}
	return nil
}

func (s *session) askLogin(a Answers) (Login, error) {
	l, err := a.login()
	if err != nil {
		return l, err
	}
	with := func(change func(l *Login, text string)) func(string) error {
		return func(text string) error {
			trial := l
			change(&trial, text)
			if err := s.tryLogin(trial); err != nil {
				return errors.Unwrap(err)
			}
			l = trial
			return nil
		}
	}
	if _, err = s.value(a.User, "SSH user on the hosts", "root", "user", with(func(l *Login, text string) { l.User = text })); err != nil {
		return l, err
	}
	port := ""
	if a.Port != 0 {
		port = strconv.Itoa(a.Port)
	}
	if _, err = s.value(port, "SSH port", "22", "port", with(func(l *Login, text string) {
		if l.Port, err = strconv.Atoi(text); err != nil {
			l.Port = -1
		}
	})); err != nil {
		return l, err
	}
	if a.IdentityFile == "" {
		if _, err = s.ask("Private key file, or Enter for ssh-agent and the keys of ~/.ssh", "", with(func(l *Login, text string) { l.IdentityFile = text })); err != nil {
			return l, err
		}
	}
	if a.Bastion == "" {
		if _, err = s.ask("Bastion on the way, as user@host:port, or Enter for none", "", with(func(l *Login, text string) { l.Bastion = text })); err != nil {
			return l, err
		}
	}
	if l.User != "root" && a.Sudo == nil {
		sudo, err := s.yes("Does "+l.User+" become root through sudo?", true)
		l.NoSudo = !sudo
		return l, err
	}
	return l, nil
}

// hosts asks where the hosts are.
func (s *session) hosts() error {
	a := s.options.Answers
	if a.GivesHosts() {
		hosts, err := s.hostsOf(a)
		s.draft.Hosts = hosts
		return err
	}
	if !s.options.Ask {
		return errors.New("cannot do without hosts: give --hosts, or --masters and --nodes, or answer on a terminal")
	}
	s.say("Where are the hosts? In any order, separated by commas or line by line; an empty line ends the list.")
	s.say("Forms: 10.0.0.11   10.0.0.11-13   10.0.0.[11-13,21]   10.0.0.0/28   node1.example")
	for {
		question := "Hosts: "
		if n := len(s.draft.Hosts); n > 0 {
			question = fmt.Sprintf("More hosts (%d so far; Enter when done): ", n)
		}
		line, err := s.options.Console.Line(s.ctx, question)
		if err != nil {
			return err
		}
		if strings.TrimSpace(line) == "" && len(s.draft.Hosts) > 0 {
			return nil
		}
		if err := s.addHosts(line); err != nil {
			s.say("  %s", firstLine(err))
		}
	}
}

func (s *session) addHosts(line string) error {
	known := make([]netip.Addr, 0, len(s.draft.Hosts))
	for _, h := range s.draft.Hosts {
		known = append(known, h.Address)
	}
	if strings.ContainsFunc(line, isControl) {
		return errors.New("the line holds control characters; type it again")
	}
	list, err := s.expandOne([]string{line}, known)
	if err != nil {
		return err
	}
	if len(list)+len(known) > maxAddresses {
		return fmt.Errorf("%d hosts are the most here; add others to the inventory", maxAddresses)
	}
	for _, p := range list {
		s.draft.Hosts = append(s.draft.Hosts, Host{Address: p.Address, DNS: p.Name})
	}
	return nil
}

// names settles what hosts are called.
func (s *session) names() error {
	sortHosts(s.draft.Hosts)
	nameHosts(s.draft.Hosts)
	if !s.options.Ask {
		return nil
	}
	for _, h := range s.draft.Hosts {
		s.say("  %-16s %s  (%s)", h.Name, h.Address, roleWords(h))
	}
	good, err := s.yes("Are these names right?", true)
	if err != nil || good {
		return err
	}
	for i := range s.draft.Hosts {
		h := &s.draft.Hosts[i]
		h.Name, err = s.ask(fmt.Sprintf("Name of %s", h.Address), h.Name, func(name string) error { return s.goodName(i, name) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *session) goodName(i int, name string) error {
	if !goodName.MatchString(name) || name == "cluster" {
		return errors.New("A name has small letters, digits and '-', begins and ends with a letter or digit, and is not \"cluster\".") //nolint:staticcheck // shown as it is
	}
	for j, other := range s.draft.Hosts {
		if j != i && other.Name == name {
			return fmt.Errorf("%s is the name of %s.", name, other.Address) //nolint:staticcheck // shown as it is
		}
	}
	return nil
}

// networks chooses the addresses inside the cluster.
func (s *session) networks() error {
	a := s.options.Answers
	hosts := networks(s.draft.Hosts)
	pods := apart(podNetworks, hosts)
	services := apart(serviceNetworks, hosts, pods)
	if pods.String() != podNetworks[0] && a.Pods == "" {
		s.say("Hosts are in %s, which pods usually have.", podNetworks[0])
	}
	if services.String() != serviceNetworks[0] && a.Services == "" {
		s.say("Hosts are in %s, which services usually have.", serviceNetworks[0])
	}
	if s.options.Ask && (a.Pods == "" || a.Services == "") {
		s.say("Pods and services need networks that nothing else around here uses.")
	}
	fits := func(text string, other netip.Prefix) error {
		p, err := parseNetwork(text)
		if err != nil {
			return err
		}
		if err := overlap(p, append([]netip.Prefix{other}, hosts...)); err != nil {
			return fmt.Errorf("%w; take another network", err)
		}
		return nil
	}
	text, err := s.value(a.Pods, "Network of pods", pods.String(), "pods", func(text string) error {
		return fits(text, netip.Prefix{})
	})
	if err != nil {
		return err
	}
	s.draft.Pods, _ = parseNetwork(text) // was checked
	text, err = s.value(a.Services, "Network of services", apart(serviceNetworks, hosts, s.draft.Pods).String(), "services", func(text string) error {
		if err := fits(text, s.draft.Pods); err != nil {
			return err
		}
		d := s.draft
		d.Services, _ = parseNetwork(text)
		_, err := d.Inventory(s.ctx)
		return err
	})
	if err != nil {
		return err
	}
	s.draft.Services, _ = parseNetwork(text)
	return nil
}
