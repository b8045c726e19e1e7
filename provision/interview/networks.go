package interview

import (
	"errors"
	"fmt"
	"net/netip"
)

// Networks of pods and services that are tried in order; the first are the
// defaults of inventories.
var (
	podNetworks     = []string{"10.32.0.0/12", "10.128.0.0/12", "172.16.0.0/13", "100.64.0.0/11"}
	serviceNetworks = []string{"10.96.0.0/16", "10.112.0.0/16", "172.30.0.0/16", "100.112.0.0/16"}
)

// apart is the first of the networks that shares no address with the hosts'.
func apart(candidates []string, hosts []netip.Prefix, others ...netip.Prefix) netip.Prefix {
	for _, text := range candidates {
		p := netip.MustParsePrefix(text)
		if overlap(p, append(others, hosts...)) == nil {
			return p
		}
	}
	return netip.MustParsePrefix(candidates[0])
}

func overlap(p netip.Prefix, list []netip.Prefix) error {
	for _, other := range list {
		if p.Overlaps(other) {
			return fmt.Errorf("%s and %s share addresses", p, other)
		}
	}
	return nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, fmt.Errorf("%q is no network such as 10.32.0.0/12", text)
	}
	if p != p.Masked() {
		return p, fmt.Errorf("%s is no network: it begins at %s", text, p.Masked())
	}
	return p, nil
}

// checkNetworks compares the pods' and services' networks with each other and
// with those that the hosts are in.
func checkNetworks(pods, services netip.Prefix, hosts []netip.Prefix) error {
	var problems []error
	if pods.Overlaps(services) {
		problems = append(problems, fmt.Errorf("pods %s and services %s share addresses", pods, services))
	}
	for _, n := range []struct {
		what string
		p    netip.Prefix
	}{{"pods", pods}, {"services", services}} {
		if err := overlap(n.p, hosts); err != nil {
			problems = append(problems, fmt.Errorf("the network of %s would hide hosts: %w", n.what, err))
		}
	}
	return errors.Join(problems...)
}
