package pull

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/provision/bundle/catalogue"
)

func TestRepositoriesAreNamedRight(t *testing.T) {
	rows := catalogue.Catalogue{{Name: "deb-x", Deb: &catalogue.DebSource{Repository: &catalogue.Repository{Name: "ceph"}}}}
	for name, tc := range map[string]struct{ name, url, want string }{
		"maven":          {"maven", "https://maven.example/central", ""},
		"a registry":     {"docker.io", "http://mirror.example:5000", ""},
		"an apt archive": {"ceph", "https://ceph.example/debian", ""},
		"a typo":         {"mavn", "https://maven.example", "use maven, ceph, or a registry's host"},
		"no scheme":      {"docker.io", "mirror.example:5000", "give an https:// address"},
		"a file":         {"maven", "file:///srv/maven", "give an https:// address"},
	} {
		t.Run(name, func(t *testing.T) {
			err := checkRepositories(Options{Catalogue: rows, Repositories: map[string]string{tc.name: tc.url}})
			if tc.want == "" {
				assert.NoError(t, err)
			} else {
				assert.ErrorContains(t, err, tc.want)
			}
		})
	}
}
