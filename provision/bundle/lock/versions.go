package lock

import (
	"strings"
)

// Versions are the versions of programs that this provision was built
// with, by digest.
func Versions() map[string]string {
	versions := map[string]string{}
	committed, err := Committed()
	if err != nil {
		return versions // versions then show as "other"
	}
	for _, output := range committed.Outputs {
		if _, rest, ok := strings.Cut(output.Artifact, "@"); ok {
			versions[output.SHA256], _, _ = strings.Cut(rest, "/")
		}
	}
	return versions
}
