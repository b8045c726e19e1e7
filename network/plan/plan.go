package plan

import (
	"errors"
	"fmt"
	"net/netip"
	"sort"
)

// Assign gives each host a range of the given length out of pods. Ranges that
// were observed stay with their hosts, also with hosts that are not listed
// (they may still hold pods); the others get the lowest free ranges in the
// order of their names. The answer holds the listed hosts only.
func Assign(pods netip.Prefix, length int, hosts []string, observed map[string]netip.Prefix) (map[string]netip.Prefix, error) {
	pods = pods.Masked()
	if !pods.IsValid() || length < pods.Bits() || length > pods.Addr().BitLen() {
		return nil, fmt.Errorf("cannot cut ranges of length /%d out of pods %s: the length must be between its own and /%d",
			length, pods, pods.Addr().BitLen())
	}
	if err := Conflicts(pods, observed); err != nil {
		return nil, err
	}
	assigned := make(map[string]netip.Prefix, len(hosts))
	var missing []string
	for _, host := range hosts {
		if _, twice := assigned[host]; twice {
			continue
		}
		assigned[host] = observed[host]
		if !observed[host].IsValid() {
			missing = append(missing, host)
		}
	}
	sort.Strings(missing)
	free := newCursor(pods, length, observed)
	for i, host := range missing {
		next, ok := free.next()
		if !ok {
			return nil, fmt.Errorf("cannot assign pod ranges: pods %s has room for %d more hosts of /%d, %d need one; "+
				"choose a longer node_prefix before the first apply, or remove hosts", pods, i, length, len(missing))
		}
		assigned[host] = next
	}
	return assigned, nil
}

// Conflicts reports every observed range that is not inside pods or overlaps
// that of another host. Such ranges are never moved: a person must decide.
func Conflicts(pods netip.Prefix, observed map[string]netip.Prefix) error {
	list := sortedRanges(observed)
	var found []error
	for i, r := range list {
		if r.prefix.Bits() < pods.Bits() || !pods.Contains(r.prefix.Addr()) {
			found = append(found, fmt.Errorf("host %s has pod range %s, which is not inside pods %s; "+
				"put the old range back into the inventory", r.host, r.prefix, pods))
		}
		if before, ok := overlapping(list[:i], r); ok {
			found = append(found, fmt.Errorf("hosts %s and %s have overlapping pod ranges %s and %s; "+
				"remove one of the Nodes so that it gets a new range", before.host, r.host, before.prefix, r.prefix))
		}
	}
	return errors.Join(found...)
}

type hostRange struct {
	host   string
	prefix netip.Prefix
}

func sortedRanges(observed map[string]netip.Prefix) []hostRange {
	var list []hostRange
	for host, prefix := range observed {
		if prefix.IsValid() {
			list = append(list, hostRange{host, prefix.Masked()})
		}
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i], list[j]
		if c := a.prefix.Addr().Compare(b.prefix.Addr()); c != 0 {
			return c < 0
		}
		if a.prefix.Bits() != b.prefix.Bits() {
			return a.prefix.Bits() < b.prefix.Bits()
		}
		return a.host < b.host
	})
	return list
}

// overlapping finds the latest earlier range that overlaps r.
func overlapping(earlier []hostRange, r hostRange) (hostRange, bool) {
	for i := len(earlier) - 1; i >= 0; i-- {
		if earlier[i].prefix.Overlaps(r.prefix) {
			return earlier[i], true
		}
	}
	return hostRange{}, false
}
