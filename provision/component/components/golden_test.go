package components_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"provision/provision/component"
	"provision/provision/component/componenttest"
	"provision/provision/resource"
	"provision/provision/resource/file"
)

var update = flag.Bool("update", false, "write golden files anew")

func TestGolden(t *testing.T) {
	for name, c := range map[string]*component.Cluster{
		"lab": componenttest.Lab(), "single": componenttest.Single(), "small": componenttest.Small(),
	} {
		t.Run(name, func(t *testing.T) {
			path := "testdata/" + name + ".golden"
			got := render(t, c)
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), got, "run with -update and read the difference")
		})
	}
}

// render prints every resource; a file's content only where it first appears.
func render(t *testing.T, c *component.Cluster) string {
	var out strings.Builder
	seen := map[string]string{}
	byHost := wanted(t, c)
	hosts := make([]string, 0, len(byHost))
	for host := range byHost {
		hosts = append(hosts, host)
	}
	sort.Strings(hosts)
	for _, host := range hosts {
		fmt.Fprintf(&out, "===== %s\n", host)
		for _, r := range byHost[host] {
			renderOne(t, &out, seen, r)
		}
	}
	return out.String()
}

func renderOne(t *testing.T, out *strings.Builder, seen map[string]string, r resource.Resource) {
	fmt.Fprintf(out, "%s (%s)\n", r.Address.ID(), r.Component)
	for _, trigger := range r.Triggers {
		fmt.Fprintf(out, "    %s %s\n", trigger.Action, trigger.Unit)
	}
	for _, needed := range r.Requires {
		text := needed.ID()
		if needed.Host != r.Address.Host {
			text = needed.String()
		}
		fmt.Fprintf(out, "    after %s\n", text)
	}
	if r.Address.Kind != file.Kind {
		fmt.Fprintf(out, "    %s\n", r.Spec)
		return
	}
	var spec file.Spec
	require.NoError(t, json.Unmarshal(r.Spec, &spec))
	content := spec.Content
	spec.Content = ""
	rest, err := json.Marshal(spec)
	require.NoError(t, err)
	fmt.Fprintf(out, "    %s\n", rest)
	if first, ok := seen[content]; ok {
		fmt.Fprintf(out, "    | as %s\n", first)
		return
	}
	seen[content] = r.Address.String()
	for _, line := range strings.Split(strings.TrimSuffix(content, "\n"), "\n") {
		fmt.Fprintf(out, "    | %s\n", line)
	}
}
