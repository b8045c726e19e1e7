package pkg

import (
	"cmp"
	"strconv"
	"strings"
)

// compare orders Debian versions (deb-version(7)): negative when a is earlier.
func compare(a, b string) int {
	epochA, a := epoch(a)
	epochB, b := epoch(b)
	if epochA != epochB {
		return cmp.Compare(epochA, epochB) // a difference may overflow
	}
	upstreamA, revisionA := revision(a)
	upstreamB, revisionB := revision(b)
	if order := comparePart(upstreamA, upstreamB); order != 0 {
		return order
	}
	return comparePart(revisionA, revisionB)
}

func epoch(version string) (int, string) {
	before, after, ok := strings.Cut(version, ":")
	if !ok {
		return 0, version
	}
	number, err := strconv.Atoi(before)
	if err != nil {
		return 0, version
	}
	return number, after
}

func revision(version string) (upstream, revision string) {
	if i := strings.LastIndexByte(version, '-'); i >= 0 {
		return version[:i], version[i+1:]
	}
	return version, ""
}

// comparePart takes turns: what is not a digit by its order, numbers by value.
func comparePart(a, b string) int {
	for a != "" || b != "" {
		for a != "" && !digit(a[0]) || b != "" && !digit(b[0]) {
			if order := weight(a) - weight(b); order != 0 {
				return order
			}
			a, b = a[1:], b[1:]
		}
		var numberA, numberB string
		numberA, a = number(a)
		numberB, b = number(b)
		if len(numberA) != len(numberB) {
			return len(numberA) - len(numberB)
		}
		if order := strings.Compare(numberA, numberB); order != 0 {
			return order
		}
	}
	return 0
}

// weight sorts "~" before the end, the end before letters, letters before the rest.
func weight(text string) int {
	switch {
	case text == "" || digit(text[0]):
		return 0
	case text[0] == '~':
		return -1
	case text[0] >= 'a' && text[0] <= 'z' || text[0] >= 'A' && text[0] <= 'Z':
		return int(text[0])
	}
	return int(text[0]) + 256
}

// number cuts leading digits off, without leading zeros.
func number(text string) (digits, rest string) {
	end := 0
	for end < len(text) && digit(text[end]) {
		end++
	}
	return strings.TrimLeft(text[:end], "0"), text[end:]
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
