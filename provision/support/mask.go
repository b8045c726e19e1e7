package support

import (
	"bytes"
	"regexp"
	"slices"
)

// Hidden stands where a secret was.
const Hidden = "(hidden)"

// rule is a shape that secrets have. Group 1, if there is one, stays.
type rule struct {
	shape *regexp.Regexp
	by    string
}

// Mask hides what looks like a secret in texts of hosts, which may hold
// anything, and values that are known to be secret.
type Mask struct {
	rules []rule
	known [][]byte
}

// NewMask returns a mask for the usual shapes and the given values. Values of
// fewer than six bytes would hide half of everything and are left out.
func NewMask(known ...string) *Mask {
	const key = `[A-Za-z0-9_.-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|client-key-data)[A-Za-z0-9_.-]*`
	m := &Mask{rules: []rule{
		{regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----|\z)`), Hidden},
		{regexp.MustCompile(`AGE-SECRET-KEY-1[0-9A-Za-z]+`), Hidden},
		{regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?`), Hidden},
		{regexp.MustCompile(`\b[a-z0-9]{6}\.[a-z0-9]{16}\b`), Hidden}, // bootstrap token
		{regexp.MustCompile(`\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`), Hidden},
		{regexp.MustCompile(`(?i)\b(authorization"?\s*[:=]\s*\[?"?)(?:(?:basic|bearer|digest|negotiate)\s+)?[^\s",\]]+`), "${1}" + Hidden},
		{regexp.MustCompile(`(?i)\b((?:basic|bearer)\s+)[A-Za-z0-9+/_.=~-]{6,}`), "${1}" + Hidden},
		{regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://[^\s/:@"]*:)[^\s/@"]+@`), "${1}" + Hidden + "@"},
		{regexp.MustCompile(`(?i)("` + key + `"\s*:\s*")(?:[^"\\]|\\.)+"`), "${1}" + Hidden + `"`},
		{regexp.MustCompile(`(?i)("(?:identity|registry)?_?auth"\s*:\s*")[^"]+"`), "${1}" + Hidden + `"`},
		{regexp.MustCompile(`(?i)(\\"` + key + `\\"\s*:\s*\\")[^"\\]+\\"`), "${1}" + Hidden + `\"`},
		{regexp.MustCompile(`(?i)(^|[\s,;&?{(\["'-])(` + key + `\s*[=:]\s*)("[^"\n]*"|'[^'\n]*'|[^\s,;&"')}\]]+)`), "${1}${2}" + Hidden},
	}}
	for _, value := range known {
		if len(value) >= 6 && !slices.ContainsFunc(m.known, func(k []byte) bool { return string(k) == value }) {
			m.known = append(m.known, []byte(value))
		}
	}
	return m
}

// Bytes returns the text without what looks like a secret.
func (m *Mask) Bytes(text []byte) []byte {
	for _, value := range m.known {
		text = bytes.ReplaceAll(text, value, []byte(Hidden))
	}
	for _, r := range m.rules {
		text = r.shape.ReplaceAll(text, []byte(r.by))
	}
	return text
}
