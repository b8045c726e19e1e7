package report

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean makes text that came from a host safe to show: what a terminal would
// act upon (escape sequences, C1 controls, marks that turn the direction of
// text) becomes U+FFFD. Newlines and tabs stay. Bytes that are no UTF-8 go the
// same way: some terminals take them for C1 controls.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r) || turns(r) || r == '\u2028' || r == '\u2029':
			return utf8.RuneError
		}
		return r
	}, text)
}

// Line is Clean for text that belongs on one line, such as a cell of a table.
func Line(text string) string {
	return strings.NewReplacer("\n", " ", "\t", " ").Replace(Clean(text))
}

// turns reports whether a rune changes the direction of the text around it.
func turns(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) }
