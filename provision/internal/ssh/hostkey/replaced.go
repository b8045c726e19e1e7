package hostkey

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/skeema/knownhosts"
	gossh "golang.org/x/crypto/ssh"
)

// replacedMark is the comment of known_hosts lines that were accepted for a
// machine that replaces another one. ssh ignores comments and keeps them.
const replacedMark = "provision:replaced"

// Replaced reports whether the key was accepted for a machine that replaces the
// one that address had before.
func Replaced(files []string, address string, key gossh.PublicKey) (bool, error) {
	if cert, ok := key.(*gossh.Certificate); ok {
		key = cert.Key
	}
	wanted := base64.StdEncoding.EncodeToString(key.Marshal())
	name := knownhosts.Normalize(address)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("reading known hosts: %w", err)
		}
		for line := range strings.Lines(string(content)) {
			if marked(strings.Fields(line), name, wanted) {
				return true, nil
			}
		}
	}
	return false, nil
}

// marked reports whether a line's fields (hosts, type, key, comment) accept the
// key for the host.
func marked(fields []string, name, key string) bool {
	if len(fields) < 4 || fields[2] != key || !slices.Contains(fields[3:], replacedMark) || strings.HasPrefix(fields[0], "#") {
		return false
	}
	for host := range strings.SplitSeq(fields[0], ",") {
		if strings.EqualFold(host, name) || hashedIs(host, name) {
			return true
		}
	}
	return false
}
