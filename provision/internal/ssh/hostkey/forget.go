package hostkey

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // OpenSSH hashes host names with it
	"encoding/base64"
	"strings"

	"github.com/skeema/knownhosts"
)

// forget removes the host from the lines of a known_hosts file. Patterns,
// authorities and revocations stay: they are not about one host.
func forget(content []byte, address string) []byte {
	name := knownhosts.Normalize(address)
	var kept bytes.Buffer
	for line := range bytes.Lines(content) {
		text := strings.TrimSpace(string(line))
		hosts, rest, ok := cutField(text)
		if !ok || strings.HasPrefix(text, "#") || strings.HasPrefix(text, "@") {
			kept.Write(line)
			continue
		}
		var others []string
		for host := range strings.SplitSeq(hosts, ",") {
			if !strings.EqualFold(host, name) && !hashedIs(host, name) {
				others = append(others, host)
			}
		}
		joined := strings.Join(others, ",")
		switch {
		case joined == hosts:
			kept.Write(line)
		case joined != "":
			kept.WriteString(joined + " " + rest + "\n")
		}
	}
	return kept.Bytes()
}

func cutField(text string) (first, rest string, ok bool) {
	i := strings.IndexAny(text, " \t")
	if i < 0 {
		return "", "", false
	}
	return text[:i], strings.TrimSpace(text[i:]), true
}

// hashedIs reports whether host is the hashed form "|1|salt|hash" of name.
func hashedIs(host, name string) bool {
	parts := strings.Split(host, "|")
	if len(parts) != 4 || parts[0] != "" || parts[1] != "1" {
		return false
	}
	salt, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil {
		return false
	}
	sum, err := base64.StdEncoding.DecodeString(parts[3])
	if err != nil {
		return false
	}
	mac := hmac.New(sha1.New, salt)
	mac.Write([]byte(name))
	return hmac.Equal(sum, mac.Sum(nil))
}
