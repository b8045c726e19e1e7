package plan

import "net/netip"

// cursor walks over the free ranges of one length in a wider range.
type cursor struct {
	pods  netip.Prefix
	at    netip.Addr
	bits  int
	taken []hostRange // sorted
	ended bool
}

func newCursor(pods netip.Prefix, length int, observed map[string]netip.Prefix) *cursor {
	return &cursor{pods: pods, at: pods.Addr(), bits: length, taken: sortedRanges(observed)}
}

// next returns the lowest range not yet returned that overlaps nothing taken.
func (c *cursor) next() (netip.Prefix, bool) {
	for !c.ended && c.pods.Contains(c.at) {
		candidate := netip.PrefixFrom(c.at, c.bits)
		for len(c.taken) > 0 && last(c.taken[0].prefix).Less(c.at) {
			c.taken = c.taken[1:]
		}
		if len(c.taken) > 0 && c.taken[0].prefix.Overlaps(candidate) {
			// Skip whichever is wider.
			end := last(candidate)
			if blocked := last(c.taken[0].prefix); end.Less(blocked) {
				end = blocked
			}
			c.advance(end)
			continue
		}
		c.advance(last(candidate))
		return candidate, true
	}
	return netip.Prefix{}, false
}

func (c *cursor) advance(end netip.Addr) {
	c.at = end.Next()
	c.ended = !c.at.IsValid()
}

// last is the highest address of a range.
func last(prefix netip.Prefix) netip.Addr {
	bytes := prefix.Masked().Addr().AsSlice()
	for bit := prefix.Bits(); bit < len(bytes)*8; bit++ {
		bytes[bit/8] |= 1 << (7 - bit%8)
	}
	address, _ := netip.AddrFromSlice(bytes)
	return address
}
