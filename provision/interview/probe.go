package interview

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"provision/provision/event"
	"provision/provision/inventory"
)

// test reaches the hosts over SSH, and settles with the person what to do about
// those that cannot be reached.
func (s *session) test() error {
	if s.options.Prober == nil {
		return nil
	}
	pending := make([]netip.Addr, 0, len(s.draft.Hosts))
	for _, h := range s.draft.Hosts {
		pending = append(pending, h.Address)
	}
	for len(pending) > 0 {
		s.say("Testing SSH to %s …", event.Count(len(pending), "host"))
		failed, err := s.probe(pending)
		if err != nil {
			return err
		}
		if pending, err = s.settle(failed); err != nil {
			return err
		}
	}
	if len(s.draft.Hosts) == 0 {
		return errors.New("no host is left")
	}
	return s.twins()
}

// failure is a host that could not be reached.
type failure struct {
	address netip.Addr
	err     error
}

// probe tests hosts; keys that nobody knows are shown, and tested again when
// they were accepted.
func (s *session) probe(addresses []netip.Addr) ([]failure, error) {
	inv, err := s.inventoryOf(addresses)
	if err != nil {
		return nil, err
	}
	results := s.options.Prober.Probe(s.ctx, inv)
	if s.ctx.Err() != nil {
		return nil, s.ctx.Err()
	}
	var failed []failure
	var unknown []netip.Addr
	for _, a := range addresses {
		r := results[probeName(a)]
		switch {
		case r.Unknown && s.options.Ask:
			unknown = append(unknown, a)
		case r.Err != nil || r.Report == nil:
			failed = append(failed, failure{a, r.Err})
		default:
			s.reached(a, *r.Report)
		}
	}
	accepted, more, err := s.accept(inv, unknown)
	if err != nil || len(accepted) == 0 {
		return append(failed, more...), err
	}
	again, err := s.probe(accepted)
	return append(append(failed, more...), again...), err
}

func (s *session) inventoryOf(addresses []netip.Addr) (*inventory.Inventory, error) {
	d := s.draft
	d.Hosts = nil
	for _, a := range addresses {
		d.Hosts = append(d.Hosts, Host{Address: a})
	}
	return d.probeable().Inventory(s.ctx)
}

func (s *session) reached(a netip.Addr, r Report) {
	i := indexOf(s.draft.Hosts, a)
	s.draft.Hosts[i].Report = &r
	note := ""
	if r.UnknownOS != "" {
		note = "; " + r.UnknownOS
	}
	s.say("  %-15s %s: %s, %s, %d CPUs, %.1f GiB%s", a, r.Hostname, r.OS, r.Arch, r.CPUs, float64(r.MemoryKiB)/(1<<20), note)
}

// accept shows the keys of hosts and writes those that the person recognises.
func (s *session) accept(inv *inventory.Inventory, addresses []netip.Addr) (accepted []netip.Addr, failed []failure, err error) {
	if len(addresses) == 0 {
		return nil, nil, nil
	}
	names := make([]string, 0, len(addresses))
	for _, a := range addresses {
		names = append(names, probeName(a))
	}
	keys := s.options.Prober.Keys(s.ctx, inv, names)
	s.say("Nobody has accepted the keys of these hosts yet. Compare them with what the hosts' consoles show")
	s.say("(ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub):")
	for _, a := range addresses {
		if k := keys[probeName(a)]; k.Err == nil {
			s.say("  %-15s %s %s", a, k.Type, k.Fingerprint)
		}
	}
	all := ""
	for _, a := range addresses {
		k := keys[probeName(a)]
		if k.Err != nil {
			failed = append(failed, failure{a, k.Err})
			continue
		}
		answer := all
		if answer == "" {
			if answer, err = s.ask(fmt.Sprintf("Is %s the key of %s? yes, no, or all for it and those below", k.Fingerprint, a), "", oneOf("yes", "no", "all")); err != nil {
				return nil, nil, err
			}
		}
		if answer == "all" {
			all = "yes"
		}
		if answer == "no" {
			failed = append(failed, failure{a, errors.New("its key was not accepted")})
			continue
		}
		file, err := k.Write()
		if err != nil {
			failed = append(failed, failure{a, err})
			continue
		}
		s.say("  Written to %s.", file)
		accepted = append(accepted, a)
	}
	return accepted, failed, nil
}

// settle says what went wrong and asks what to do; it returns what to test
// again.
func (s *session) settle(failed []failure) ([]netip.Addr, error) {
	if len(failed) == 0 {
		return nil, nil
	}
	for _, f := range failed {
		s.say("  %-15s FAILED: %v", f.address, f.err)
	}
	if !s.options.Ask {
		return nil, fmt.Errorf("cannot reach %d of %d hosts (see above); fix that, or skip the tests with --no-ssh", len(failed), len(s.draft.Hosts))
	}
	var again []netip.Addr
	rest := ""
	for _, f := range failed {
		answer := rest
		if rest == "" {
			var err error
			answer, err = s.ask(fmt.Sprintf("%s: retry, skip its test, change its address, drop it, or other login? A * behind the word is for all failed hosts", f.address), "retry",
				func(text string) error {
					return oneOf("retry", "skip", "change", "drop", "login")(strings.TrimSuffix(text, "*"))
				})
			if err != nil {
				return nil, err
			}
			if word, all := strings.CutSuffix(answer, "*"); all {
				answer, rest = word, word
			}
		}
		next, err := s.act(answer, f.address)
		if err != nil {
			return nil, err
		}
		again = append(again, next...)
		if answer == "login" { // for all
			rest = "retry"
		}
	}
	return again, nil
}

func (s *session) act(answer string, a netip.Addr) ([]netip.Addr, error) {
	i := indexOf(s.draft.Hosts, a)
	switch answer {
	case "skip":
		s.say("  %s was not tested.", a)
		return nil, nil
	case "drop":
		s.draft.Hosts = append(s.draft.Hosts[:i], s.draft.Hosts[i+1:]...)
		return nil, nil
	case "login":
		l, err := s.askLogin(Answers{})
		s.draft.Login = l
		return []netip.Addr{a}, err
	case "change":
		_, err := s.ask(fmt.Sprintf("Address instead of %s", a), "", func(text string) error {
			list, err := Addresses(s.ctx, text, nil, s.options.Resolve)
			switch {
			case err != nil:
				return err
			case len(list) != 1 || len(list[0].Places) != 1:
				return errors.New("One address is expected.") //nolint:staticcheck // shown as it is
			case indexOf(s.draft.Hosts, list[0].Places[0].Address) >= 0:
				return errors.New("A host has this address already.") //nolint:staticcheck // shown as it is
			}
			s.draft.Hosts[i].Address, s.draft.Hosts[i].DNS = list[0].Places[0].Address, list[0].Places[0].Name
			return nil
		})
		return []netip.Addr{s.draft.Hosts[i].Address}, err
	}
	return []netip.Addr{a}, nil
}

// twins finds machines that were given by two addresses.
func (s *session) twins() error {
	first := map[string]netip.Addr{}
	var kept []Host
	for _, h := range s.draft.Hosts {
		id := ""
		if h.Report != nil {
			id = h.Report.MachineID
		}
		before, twice := first[id]
		if id == "" || !twice {
			first[id] = h.Address
			kept = append(kept, h)
			continue
		}
		if !s.options.Ask {
			return fmt.Errorf("cannot tell %s and %s apart: both have the machine-id %s; name the machine once, or regenerate its machine-id", before, h.Address, id)
		}
		s.say("%s and %s have one machine-id: it is one machine, or a copy of one (then remove /etc/machine-id there and run systemd-machine-id-setup).", before, h.Address)
		drop, err := s.yes(fmt.Sprintf("Drop %s?", h.Address), true)
		if err != nil {
			return err
		}
		if !drop {
			kept = append(kept, h)
		}
	}
	s.draft.Hosts = kept
	return nil
}

// addresses asks which address a host with several should have.
func (s *session) addresses() error {
	for i := 0; i < len(s.draft.Hosts); i++ {
		h := s.draft.Hosts[i]
		if h.Report == nil || !s.options.Ask {
			continue
		}
		list := usable(*h.Report)
		if len(list) < 2 {
			continue
		}
		chosen, err := s.whichAddress(h)
		if err != nil {
			return err
		}
		if chosen == h.Address {
			continue
		}
		s.draft.Hosts[i].Address, s.draft.Hosts[i].DNS = chosen, ""
		failed, err := s.probe([]netip.Addr{chosen})
		if err != nil {
			return err
		}
		if len(failed) > 0 {
			s.say("  %s cannot be reached there: %v", chosen, failed[0].err)
			s.draft.Hosts[i] = h
			i-- // ask again
		}
	}
	return nil
}

func (s *session) whichAddress(h Host) (netip.Addr, error) {
	s.say("%s has several addresses. Which one do the other hosts of the cluster use? Its SSH is reached there, too.", label(h))
	var choices []netip.Addr
	fallback := ""
	for _, a := range usable(*h.Report) {
		p := netip.MustParsePrefix(a.CIDR) // usable parsed it
		if i := indexOf(s.draft.Hosts, p.Addr()); i >= 0 && p.Addr() != h.Address {
			continue // another host's
		}
		choices = append(choices, p.Addr())
		if p.Addr() == h.Address {
			fallback = fmt.Sprint(len(choices))
		}
		s.say("  %d  %-20s %s", len(choices), p, a.Interface)
	}
	if fallback == "" { // behind a translation of addresses
		choices = append(choices, h.Address)
		fallback = fmt.Sprint(len(choices))
		s.say("  %s  %-20s where it was reached", fallback, h.Address)
	}
	if len(choices) == 1 {
		return choices[0], nil
	}
	words := make([]string, 0, len(choices))
	for i := range choices {
		words = append(words, fmt.Sprint(i+1))
	}
	line, err := s.ask("Its address", fallback, oneOf(words...))
	for i, w := range words {
		if w == line {
			return choices[i], err
		}
	}
	return h.Address, err
}
