package pull

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"provision/provision/bundle/catalogue"
)

// checkRepositories refuses names that stand for nothing: a mirror that is
// passed over by mistake shows as a host that does not answer.
func checkRepositories(opts Options) error {
	names := []string{mavenName}
	for _, e := range opts.Catalogue {
		for _, src := range []*catalogue.DebSource{e.Deb, rootOf(e)} {
			if src != nil && src.Repository != nil && !slices.Contains(names, src.Repository.Name) {
				names = append(names, src.Repository.Name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(opts.Repositories)) {
		if !slices.Contains(names, name) && !strings.ContainsAny(name, ".:") {
			return fmt.Errorf("cannot use --repository %s: there is no repository of that name; use %s, or a registry's host such as docker.io", name, strings.Join(names, ", "))
		}
		u, err := url.Parse(opts.Repositories[name])
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return fmt.Errorf("cannot use --repository %s=%s: give an https:// address", name, opts.Repositories[name])
		}
	}
	return nil
}

func rootOf(e catalogue.Entry) *catalogue.DebSource {
	if e.Image == nil || e.Image.Root == nil {
		return nil
	}
	return &e.Image.Root.DebSource
}
