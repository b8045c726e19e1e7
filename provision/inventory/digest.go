package inventory

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"provision/provision/secret"
)

// digest collects what was read, each thing once and in no particular order.
// What may hold secrets is private: the environment, files read by file(),
// var-files in clear, sensitive variables.
type digest struct{ public, private map[string]bool }

func (d *digest) init() { d.public, d.private = map[string]bool{}, map[string]bool{} }

func (d *digest) add(what, name string, content []byte) { note(d.public, what, name, content) }

func (d *digest) addPrivate(what, name string, content []byte) { note(d.private, what, name, content) }

func note(parts map[string]bool, what, name string, content []byte) {
	sum := sha256.Sum256(content)
	parts[fmt.Sprintf("%s %q %s", what, name, hex.EncodeToString(sum[:]))] = true
}

// sums are the digest of everything and that of what is public.
func (d *digest) sums() (secret.Value, string) {
	all := append(sortedKeys(d.public), sortedKeys(d.private)...)
	return secret.New(sum(all)), sum(sortedKeys(d.public))
}

func sum(lines []string) string {
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:])
}
