package canary

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// shortest is the least length of a canary: shorter ones occur by chance.
const shortest = 12

// Canary is a secret that must turn up nowhere.
type Canary struct{ Name, Content string }

// Random makes one of printable characters, some of which encodings change.
func Random(name string) Canary {
	var b [9]byte
	_, _ = rand.Read(b[:]) // never fails
	return Canary{name, "cnry\"<&" + hex.EncodeToString(b[:]) + "\\>"}
}

// Hit is a canary that was found.
type Hit struct{ Name, Form string }

// String implements fmt.Stringer; it does not repeat the secret.
func (h Hit) String() string { return h.Name + " as " + h.Form }

type form struct {
	hit  Hit
	text []byte
}

// Set is a number of canaries in all their forms.
type Set struct {
	names []string
	forms []form
}

// Add adds canaries.
func (s *Set) Add(canaries ...Canary) error {
	for _, c := range canaries {
		if len(c.Content) < shortest {
			return fmt.Errorf("canary %s is shorter than %d bytes", c.Name, shortest)
		}
		s.names = append(s.names, c.Name)
		for name, text := range Forms(c.Content) {
			s.forms = append(s.forms, form{Hit{c.Name, name}, []byte(text)})
		}
	}
	return nil
}

// Names are those of the canaries.
func (s *Set) Names() []string { return slices.Clone(s.names) }

// Len is the number of texts that are searched for.
func (s *Set) Len() int { return len(s.forms) }

// Find returns what is in data.
func (s *Set) Find(data []byte) []Hit {
	var hits []Hit
	for _, f := range s.forms {
		if bytes.Contains(data, f.text) {
			hits = append(hits, f.hit)
		}
	}
	return hits
}

// Patterns are the texts to search for, one a line, for grep -F -f. Forms with
// newlines in them are left out: grep looks at lines.
func (s *Set) Patterns() string {
	var lines []string
	for _, f := range s.forms {
		if !bytes.ContainsAny(f.text, "\n\x00") {
			lines = append(lines, string(f.text))
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// Forms are the encodings of a content, by name, each once.
func Forms(content string) map[string]string {
	quoted, _ := json.Marshal(content) // a string always encodes
	raw := []byte(content)
	candidates := []struct{ name, text string }{
		{"itself", content},
		{"JSON", strings.Trim(string(quoted), `"`)},
		{"a Go string", strings.Trim(strconv.Quote(content), `"`)},
		{"a query", url.QueryEscape(content)},
		{"a path", url.PathEscape(content)},
		{"hex", hex.EncodeToString(raw)},
		{"HEX", strings.ToUpper(hex.EncodeToString(raw))},
		{"numbers", strings.Trim(fmt.Sprintf("%d", raw), "[]")},
		{"numbers of JSON", strings.ReplaceAll(strings.Trim(fmt.Sprintf("%d", raw), "[]"), " ", ",")},
	}
	for shift := range 3 {
		candidates = append(candidates,
			struct{ name, text string }{fmt.Sprintf("base64 after %d bytes", shift), inBase64(base64.RawStdEncoding, raw, shift)},
			struct{ name, text string }{fmt.Sprintf("URL-safe base64 after %d bytes", shift), inBase64(base64.RawURLEncoding, raw, shift)})
	}
	forms, seen := map[string]string{}, map[string]bool{}
	for _, c := range candidates {
		if !seen[c.text] {
			seen[c.text] = true
			forms[c.name] = c.text
		}
	}
	return forms
}

// inBase64 is the part of the encoding of something longer that only the
// content decides, when shift bytes (modulo three) stand before it.
func inBase64(encoding *base64.Encoding, content []byte, shift int) string {
	text := encoding.EncodeToString(append(make([]byte, shift), content...))
	first := (shift*8 + 5) / 6
	return text[first : (shift+len(content))*8/6]
}
