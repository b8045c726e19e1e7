package diag

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxSnippet bounds a quoted line, for files that are one line only.
const maxSnippet = 200

// WithSource returns a copy whose places carry their lines. Leave out of
// sources what must not be shown, such as a decrypted file.
func (l List) WithSource(sources map[string][]byte) List {
	out := make(List, len(l))
	for i, d := range l {
		places := make([]Place, len(d.Places))
		for j, p := range d.Places {
			if src, ok := sources[p.Range.Filename]; ok && !p.Hidden {
				p.Snippet = lineAt(src, p.Range.Start.Byte)
			}
			places[j] = p
		}
		d.Places = places
		out[i] = d
	}
	return out
}

// lineAt returns the line that holds the byte offset, made safe to print:
// a hostile file must not move the cursor or colour the terminal.
func lineAt(src []byte, offset int) string {
	if offset < 0 || offset > len(src) {
		return ""
	}
	start, end := offset, offset
	for start > 0 && src[start-1] != '\n' && offset-start < maxSnippet {
		start--
	}
	for end < len(src) && src[end] != '\n' && end-start < 2*maxSnippet {
		end++
	}
	return Printable(string(src[start:end]))
}

// Printable replaces what a terminal would act upon, and bounds the length.
func Printable(s string) string {
	s = strings.TrimRight(s, "\r\n")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r == utf8.RuneError || !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, s)
	if utf8.RuneCountInString(s) > maxSnippet {
		s = string([]rune(s)[:maxSnippet]) + "…"
	}
	return s
}
