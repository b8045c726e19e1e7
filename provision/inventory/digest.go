package inventory

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// digest collects what was read, each thing once and in no particular order.
type digest struct{ parts map[string]bool }

func (d *digest) init() { d.parts = map[string]bool{} }

func (d *digest) add(what, name string, content []byte) {
	sum := sha256.Sum256(content)
	d.parts[fmt.Sprintf("%s %q %s", what, name, hex.EncodeToString(sum[:]))] = true
}

func (d *digest) sum() string {
	lines := sortedKeys(d.parts)
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:])
}
