package measure

import (
	"encoding/hex"
	"math/bits"
	"net/netip"
	"strings"

	"provision/provision/agent/api"
	"provision/provision/agent/hostfacts"
	"provision/provision/internal/system"
)

// maxRoutes bounds the answer: a host with more, as one that speaks BGP may have,
// is not asked on.
const maxRoutes = 4096

// Routes are the host's IPv4 routes but for the default one, joined where they
// follow on each other; nil when they cannot be told.
func Routes(files system.Files) []api.Route {
	var out []api.Route
	for line := range strings.Lines(hostfacts.Text(files, "/proc/net/route")) {
		first, mask, ok := route(line)
		if !ok {
			continue
		}
		r := api.Route{Bits: bits.OnesCount32(mask), First: ipv4(first), Last: ipv4(first | ^mask)}
		if n := len(out); n > 0 && out[n-1].Bits == r.Bits && out[n-1].Last.Next() == r.First {
			out[n-1].Last = r.Last
			continue
		}
		if len(out) == maxRoutes {
			return nil
		}
		out = append(out, r)
	}
	return out
}

const (
	routeUp     = 1
	routeReject = 0x200
)

// route reads a line of /proc/net/route: interface, destination, gateway, flags,
// three counters, mask.
func route(line string) (destination, mask uint32, ok bool) {
	words := strings.Fields(line)
	if len(words) < 8 {
		return 0, 0, false
	}
	flags, err := hex.DecodeString(words[3])
	if err != nil || len(flags) != 2 || flags[1]&routeUp == 0 || flags[0]&(routeReject>>8) != 0 {
		return 0, 0, false
	}
	destination, ok1 := word(words[1])
	mask, ok2 := word(words[7])
	return destination, mask, ok1 && ok2 && mask != 0
}

// word reads four bytes in the byte order of the machine, which is little-endian
// wherever agents run.
func word(text string) (uint32, bool) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != 4 {
		return 0, false
	}
	return uint32(raw[3])<<24 | uint32(raw[2])<<16 | uint32(raw[1])<<8 | uint32(raw[0]), true
}

func ipv4(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}
