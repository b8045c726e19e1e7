package names

import "strings"

// Sets of characters, to be joined.
const (
	Digits = "0123456789"
	Lower  = "abcdefghijklmnopqrstuvwxyz"
	Upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	Hex    = Digits + "abcdef"
	Alnum  = Lower + Upper + Digits
)

// Only reports whether text has between 1 and longest characters, all of them
// from the allowed ones, and the first from those in first ("": any allowed).
func Only(text, first, allowed string, longest int) bool {
	if text == "" || len(text) > longest {
		return false
	}
	if first != "" && !strings.Contains(first, text[:1]) {
		return false
	}
	for i := range len(text) {
		if strings.IndexByte(allowed, text[i]) < 0 {
			return false
		}
	}
	return true
}

// SHA256 reports whether text is a sha256 in hex.
func SHA256(text string) bool { return len(text) == 64 && Only(text, "", Hex, 64) }

// Number reports whether text is a number of at most so many digits.
func Number(text string, digits int) bool { return Only(text, "", Digits, digits) }
