package debs

import (
	"fmt"
	"os"
	"strings"
)

// suite is a release of a distribution and where it is published.
type suite struct {
	codename, distribution, keyring, keyringPackage string
	// pockets are the further suites that updates appear in.
	pockets []string
}

var distributions = map[string]string{"bookworm": "debian", "trixie": "debian", "jammy": "ubuntu", "noble": "ubuntu"}

func suiteOf(codename string) (suite, error) {
	switch distributions[codename] {
	case "debian":
		return suite{
			codename: codename, distribution: "debian", keyringPackage: "debian-archive-keyring",
			keyring: "/usr/share/keyrings/debian-archive-keyring.gpg", pockets: []string{codename + "-updates", codename + "-security"},
		}, nil
	case "ubuntu":
		return suite{
			codename: codename, distribution: "ubuntu", keyringPackage: "ubuntu-keyring",
			keyring: "/usr/share/keyrings/ubuntu-archive-keyring.gpg", pockets: []string{codename + "-updates", codename + "-security"},
		}, nil
	}
	return suite{}, fmt.Errorf("cannot fetch packages for %q: not a supported release; supported are bookworm, trixie, jammy and noble", codename)
}

// source is one repository: where it is and which suite of it.
type source struct{ URI, Suite, Components string }

// defaults are the distribution's own addresses.
func (s suite) defaults(arch string) []source {
	var out []source
	for _, pocket := range append([]string{s.codename}, s.pockets...) {
		uri, components := "http://ftp.debian.org/debian", "main"
		if strings.HasSuffix(pocket, "-security") {
			uri = "http://security.debian.org/debian-security"
		}
		if s.distribution == "ubuntu" {
			uri, components = "http://archive.ubuntu.com/ubuntu", "main universe"
			if arch != "amd64" {
				uri = "http://ports.ubuntu.com/ubuntu-ports"
			}
		}
		out = append(out, source{URI: uri, Suite: pocket, Components: components})
	}
	return out
}

// sources prefers the mirrors that the operator's apt uses for the same
// distribution: they are the ones that can be reached.
func (s suite) sources(arch string, configured []source) []source {
	out := s.defaults(arch)
	for i, def := range out {
		for _, c := range configured {
			if distributions[base(c.Suite)] == s.distribution && pocketOf(c.Suite) == pocketOf(def.Suite) && c.Components == "main" {
				out[i].URI = strings.TrimSuffix(c.URI, "/")
				break
			}
		}
	}
	return out
}

func base(suite string) string     { b, _, _ := strings.Cut(suite, "-"); return b }
func pocketOf(suite string) string { _, p, _ := strings.Cut(suite, "-"); return p }

// list is the text of a sources.list. Only the distribution's keyring is
// trusted, whatever else the operator's machine trusts.
func (s suite) list(sources []source, arch string) (string, error) {
	if _, err := os.Stat(s.keyring); err != nil {
		return "", fmt.Errorf("cannot check the signatures of %s: %w; install %s", s.codename, err, s.keyringPackage)
	}
	var b strings.Builder
	for _, src := range sources {
		b.WriteString(line(arch, s.keyring, src))
	}
	return b.String(), nil
}

func line(arch, key string, src source) string {
	return fmt.Sprintf("deb [arch=%s signed-by=%s] %s %s %s\n", arch, key, src.URI, src.Suite, src.Components)
}

// parseTargets reads `apt-get indextargets --format URI|RELEASE|COMPONENT`.
func parseTargets(out string) []source {
	var sources []source
	for _, line := range strings.Split(out, "\n") {
		if f := strings.Split(strings.TrimSpace(line), "|"); len(f) == 3 {
			sources = append(sources, source{URI: f[0], Suite: f[1], Components: f[2]})
		}
	}
	return sources
}
