package inventory

import (
	"fmt"
	"strconv"
	"strings"
)

// maxHosts bounds an inventory; Kubernetes itself is tested up to 5,000.
const maxHosts = 10_000

// Names are the hosts that "m[1-3]" and the like stand for.
func Names(pattern string) ([]string, error) { return expand(pattern, maxHosts) }

// expand turns "m[1-3]" into m1, m2, m3, and "n[01-10,15]" into eleven names.
// A string without brackets is itself. More than room are refused before
// they are made.
func expand(s string, room int) ([]string, error) {
	before, rest, ok := strings.Cut(s, "[")
	if !ok {
		if strings.Contains(s, "]") {
			return nil, fmt.Errorf("%s has a ']' without a '['", quote(s))
		}
		return []string{s}, nil
	}
	inside, after, ok := strings.Cut(rest, "]")
	if !ok {
		return nil, fmt.Errorf("%s has a '[' without a ']'", quote(s))
	}
	if strings.ContainsAny(after, "[]") || strings.Contains(inside, "[") {
		return nil, fmt.Errorf("%s has more than one range; only one is possible", quote(s))
	}
	var out []string
	for _, part := range strings.Split(inside, ",") {
		numbers, err := expandPart(part, room-len(out))
		if err != nil {
			return nil, fmt.Errorf("range of %s: %w", quote(s), err)
		}
		for _, n := range numbers {
			out = append(out, before+n+after)
		}
	}
	return out, nil
}

// expandPart expands "7" or "01-40"; a leading zero of either end asks for
// equal widths.
func expandPart(part string, room int) ([]string, error) {
	first, last, isRange := strings.Cut(strings.TrimSpace(part), "-")
	if !isRange {
		last = first
	}
	from, err := rangeEnd(first)
	if err != nil {
		return nil, err
	}
	to, err := rangeEnd(last)
	if err != nil {
		return nil, err
	}
	width := 0
	if padded(first) || padded(last) {
		if len(first) != len(last) {
			return nil, fmt.Errorf("%s-%s is zero-padded, so both ends must have equally many digits", first, last)
		}
		width = len(first)
	}
	if to < from {
		return nil, fmt.Errorf("%s-%s counts backwards", first, last)
	}
	if to-from+1 > room {
		return nil, fmt.Errorf("an inventory has at most %d hosts, and there is room for %d here", maxHosts, max(0, room))
	}
	out := make([]string, 0, to-from+1)
	for n := from; n <= to; n++ {
		out = append(out, fmt.Sprintf("%0*d", width, n))
	}
	return out, nil
}

func rangeEnd(s string) (int, error) {
	if s == "" || len(s) > 9 || strings.Trim(s, "0123456789") != "" {
		return 0, fmt.Errorf("%s is not a number of at most nine digits; write a range as [1-3], [01-40] or [1-3,7]", quote(s))
	}
	return strconv.Atoi(s)
}

func padded(s string) bool { return len(s) > 1 && s[0] == '0' }

// Expand expands a range as names and addresses of hosts are: "m[1-3]" is m1, m2
// and m3.
func Expand(text string) ([]string, error) { return expand(text, maxHosts) }
