package debs

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Package is one .deb of a closure.
type Package struct {
	Name, Version, Arch string
	URL, File           string
	Size                int64
	SHA256              string
}

// parseURIs reads what `apt-get install --print-uris` prints: lines of
// 'URL' FILE SIZE SHA256:HASH among other text.
func parseURIs(out string) ([]Package, error) {
	var list []Package
	for _, line := range strings.Split(out, "\n") {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "'") {
			continue
		}
		p, err := parseURI(line)
		if err != nil {
			return nil, fmt.Errorf("reading apt's list of packages: %w", err)
		}
		list = append(list, p)
	}
	return list, nil
}

func parseURI(line string) (Package, error) {
	uri, rest, ok := strings.Cut(strings.TrimPrefix(line, "'"), "' ")
	f := strings.Fields(rest)
	if !ok || len(f) != 3 {
		return Package{}, fmt.Errorf("unexpected line %q", line)
	}
	size, err := strconv.ParseInt(f[1], 10, 64)
	hash, isSHA := strings.CutPrefix(f[2], "SHA256:")
	if err != nil || !isSHA || len(hash) != 64 || strings.Trim(hash, "0123456789abcdef") != "" || size < 0 {
		return Package{}, fmt.Errorf("no size and sha256 in %q", line)
	}
	p := Package{URL: uri, File: f[0], Size: size, SHA256: hash}
	parts := strings.Split(strings.TrimSuffix(f[0], ".deb"), "_")
	if len(parts) != 3 || !strings.HasSuffix(f[0], ".deb") || strings.Contains(f[0], "/") {
		return Package{}, fmt.Errorf("%q is not the name of a package file", f[0])
	}
	p.Name, p.Arch = parts[0], parts[2]
	if p.Name == "" || parts[1] == "" || p.Arch == "" {
		return Package{}, fmt.Errorf("%q is not the name of a package file", f[0])
	}
	if p.Version, err = url.PathUnescape(parts[1]); err != nil {
		return Package{}, fmt.Errorf("%q is not the name of a package file: %w", f[0], err)
	}
	return p, nil
}

// without returns the packages of a that are not in b.
func without(a, b []Package) []Package {
	have := map[string]bool{}
	for _, p := range b {
		have[p.Name] = true
	}
	var out []Package
	for _, p := range a {
		if !have[p.Name] {
			out = append(out, p)
		}
	}
	return out
}
