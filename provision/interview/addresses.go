package interview

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"provision/provision/inventory"
)

// maxAddresses bounds what one answer may expand to.
const maxAddresses = 1024

// Resolve looks up the addresses of a DNS name.
type Resolve func(ctx context.Context, name string) ([]netip.Addr, error)

// Place is where a host is.
type Place struct {
	Address netip.Addr
	Name    string // the DNS name it was given by, or ""
}

// Expansion is what one entry stands for.
type Expansion struct {
	Written string
	Places  []Place
	Twice   []netip.Addr // were there before, and are counted once
}

var (
	spacedRange = regexp.MustCompile(`([0-9\]])\s*-\s*([0-9])`)
	separators  = regexp.MustCompile(`[\s,;]+`)
)

// Addresses reads hosts in any order and any of these forms, separated by commas
// or spaces: 10.0.0.11, 10.0.0.11-13, 10.0.0.11-10.0.0.13, 10.0.0.[11-13,21],
// 10.0.0.0/28, node1.example; a bare number or range goes on in the network of
// the address before it. What is in known was given before.
func Addresses(ctx context.Context, text string, known []netip.Addr, resolve Resolve) ([]Expansion, error) {
	seen := map[netip.Addr]bool{}
	for _, a := range known {
		seen[a] = true
	}
	var all []Expansion
	var last netip.Addr
	total := 0
	for _, word := range words(text) {
		places, err := expandWord(ctx, word, last, resolve)
		if err != nil {
			return nil, err
		}
		one := Expansion{Written: word}
		for _, p := range places {
			if last = p.Address; seen[p.Address] {
				one.Twice = append(one.Twice, p.Address)
				continue
			}
			seen[p.Address] = true
			one.Places = append(one.Places, p)
		}
		if total += len(one.Places); total > maxAddresses {
			return nil, fmt.Errorf("%d addresses are the most at once; give the rest in an inventory", maxAddresses)
		}
		all = append(all, one)
	}
	return all, nil
}

// words splits at commas, semicolons and spaces that are in no brackets.
func words(text string) []string {
	text = spacedRange.ReplaceAllString(text, "$1-$2")
	var whole strings.Builder
	inside := false
	for _, r := range text {
		switch {
		case r == '[':
			inside = true
		case r == ']':
			inside = false
		case inside && (r == ' ' || r == '\t'):
			continue
		case inside && r == ',':
			r = '\x00' // put back below
		case r == '\x00':
			r = ' '
		}
		whole.WriteRune(r)
	}
	var list []string
	for _, word := range separators.Split(whole.String(), -1) {
		if word != "" {
			list = append(list, strings.ReplaceAll(word, "\x00", ","))
		}
	}
	return list
}

func expandWord(ctx context.Context, word string, last netip.Addr, resolve Resolve) ([]Place, error) {
	if len(word) > 300 {
		return nil, fmt.Errorf("%q… is too long for an address or a name", word[:40])
	}
	if number, _, _ := strings.Cut(word, "-"); isNumber(number) {
		if !last.Is4() {
			return nil, fmt.Errorf("cannot read %q: a bare number goes on after an IPv4 address, as in 10.0.0.11,12", word)
		}
		word = lastDot(last.String()) + word
	}
	switch {
	case strings.Contains(word, "["):
		return brackets(word)
	case strings.Contains(word, "/"):
		return network(word)
	}
	if address, err := netip.ParseAddr(word); err == nil {
		return places(address)
	}
	if from, to, ok := strings.Cut(word, "-"); ok {
		if first, err := netip.ParseAddr(from); err == nil {
			return span(word, first, to)
		}
	}
	return named(ctx, word, resolve)
}

func isNumber(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

func lastDot(text string) string { return text[:strings.LastIndex(text, ".")+1] }

// places refuses addresses that no host can have.
func places(list ...netip.Addr) ([]Place, error) {
	out := make([]Place, 0, len(list))
	for _, a := range list {
		if !a.IsValid() || a.Zone() != "" || a.Is4In6() || a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a.IsLinkLocalUnicast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
			return nil, fmt.Errorf("%s cannot be a host's address: other hosts must be able to reach it", a)
		}
		out = append(out, Place{Address: a})
	}
	return out, nil
}

func brackets(word string) ([]Place, error) {
	texts, err := inventory.Expand(word)
	if err != nil {
		return nil, err
	}
	if len(texts) > maxAddresses {
		return nil, tooMany(word, len(texts))
	}
	list := make([]netip.Addr, 0, len(texts))
	for _, text := range texts {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("cannot read %q: %q is no IP address", word, text)
		}
		list = append(list, a)
	}
	return places(list...)
}

func tooMany(word string, n int) error {
	return fmt.Errorf("%s is %d addresses; %d are the most", word, n, maxAddresses)
}

// span is first-to, where to is an address or the end of the last part.
func span(word string, first netip.Addr, to string) ([]Place, error) {
	end, err := netip.ParseAddr(to)
	if err != nil && first.Is4() && isNumber(to) {
		end, err = netip.ParseAddr(lastDot(first.String()) + to)
	}
	switch {
	case err != nil || end.BitLen() != first.BitLen():
		return nil, fmt.Errorf("cannot read the range %q; write 10.0.0.11-13 or 10.0.0.11-10.0.0.13", word)
	case end.Less(first):
		return nil, fmt.Errorf("%s counts backwards", word)
	}
	var list []netip.Addr
	for a := first; ; a = a.Next() {
		if list = append(list, a); len(list) > maxAddresses {
			return nil, fmt.Errorf("%s is too long: %d addresses are the most", word, maxAddresses)
		}
		if a == end {
			return places(list...)
		}
	}
}

// network is all hosts' addresses of a CIDR.
func network(word string) ([]Place, error) {
	p, err := netip.ParsePrefix(word)
	if err != nil {
		return nil, fmt.Errorf("cannot read %q: it is no network such as 10.0.0.0/28", word)
	}
	if p.Masked().Addr() != p.Addr() {
		return nil, fmt.Errorf("%s is one address and the length of its network; write %s for the host, or %s for all addresses of the network", word, p.Addr(), p.Masked())
	}
	spare := p.Addr().BitLen() - p.Bits()
	if spare > 10 {
		return nil, fmt.Errorf("%s is too large: %d addresses are the most", word, maxAddresses)
	}
	var list []netip.Addr
	for a := p.Addr(); a.IsValid() && p.Contains(a); a = a.Next() {
		list = append(list, a)
	}
	if spare >= 2 { // without the network's own address and, in IPv4, the broadcast
		list = list[1:]
		if p.Addr().Is4() {
			list = list[:len(list)-1]
		}
	}
	return places(list...)
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)

func named(ctx context.Context, word string, resolve Resolve) ([]Place, error) {
	last := word[strings.LastIndex(word, ".")+1:]
	if !hostName.MatchString(word) || isNumber(last) || len(word) > 253 {
		return nil, fmt.Errorf("cannot read %q: write addresses (10.0.0.11), ranges (10.0.0.11-13) or names (node1.example)", word)
	}
	if resolve == nil {
		return nil, fmt.Errorf("cannot look up %q: give its address", word)
	}
	found, err := resolve(ctx, word)
	if err != nil {
		return nil, fmt.Errorf("cannot find the address of %q: %w; give its address instead", word, err)
	}
	list := choose(found)
	if len(list) != 1 {
		texts := make([]string, 0, len(list))
		for _, a := range list {
			texts = append(texts, a.String())
		}
		return nil, fmt.Errorf("%q has %s addresses (%s); give the one that the other hosts should use", word, strconv.Itoa(len(list)), strings.Join(texts, ", "))
	}
	out, err := places(list...)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot use %q", word), err)
	}
	out[0].Name = strings.ToLower(word)
	return out, nil
}

// choose takes IPv4 addresses before IPv6, each once.
func choose(found []netip.Addr) []netip.Addr {
	var four, six []netip.Addr
	seen := map[netip.Addr]bool{}
	for _, a := range found {
		a = a.Unmap()
		switch {
		case seen[a]:
		case a.Is4():
			four = append(four, a)
		default:
			six = append(six, a)
		}
		seen[a] = true
	}
	if len(four) > 0 {
		return four
	}
	return six
}
