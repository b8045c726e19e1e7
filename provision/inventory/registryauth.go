package inventory

import (
	"errors"
	"slices"
	"strings"

	"provision/provision/diag"
)

// registryAuthKind never quotes what it refuses.
func registryAuthKind() kind {
	return pairs("map of USER:PASSWORD", func(_, login string) error {
		user, password, ok := strings.Cut(login, ":")
		if !ok || user == "" || password == "" || strings.ContainsFunc(login, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return errors.New("a login is not of the form user:password, in one line")
		}
		return nil
	})
}

// checkRegistryAuth refuses logins that nothing would use.
func (l *loader) checkRegistryAuth(root *node, inv *Inventory) {
	var mirrors []string
	for _, list := range inv.Kubernetes.RegistryMirrors {
		mirrors = append(mirrors, list...)
	}
	for _, mirror := range sortedKeys(inv.Kubernetes.RegistryAuth) {
		if !slices.Contains(mirrors, mirror) {
			l.report(diag.Errorf(root.only("kubernetes").where("registry_auth"), "Login of an unknown mirror",
				"%s is not in registry_mirrors%s; write it as it is written there.", quote(mirror), didYouMean(mirror, mirrors)).Hide())
		}
	}
}
