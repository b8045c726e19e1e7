package components_test

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"provision/provision/component/componenttest"
	"provision/provision/component/judge"
	"provision/provision/resource/file"
)

var (
	startPattern = regexp.MustCompile(`(?m)^ExecStart=((?:.*\\\n)*.*)$`)
	flagPattern  = regexp.MustCompile(`(?m)--?([a-z][a-z0-9-]*)=`)
)

// Every flag on a command line exists in the versions that are the default.
func TestFlagsExist(t *testing.T) {
	used, inv := map[string][]string{}, componenttest.Lab().Inventory
	for _, list := range wanted(t, componenttest.Lab()) {
		for _, r := range list {
			if r.Address.Kind != file.Kind || !strings.HasSuffix(r.Address.Name, ".service") {
				continue
			}
			var spec file.Spec
			require.NoError(t, json.Unmarshal(r.Spec, &spec))
			start := startPattern.FindStringSubmatch(spec.Content)
			require.NotNil(t, start, r.Address)
			program := filepath.Base(strings.Fields(start[1])[0])
			for _, found := range flagPattern.FindAllStringSubmatch(start[1], -1) {
				used[program] = append(used[program], found[1])
			}
		}
	}
	for _, program := range []string{
		"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "flanneld",
	} {
		require.NotEmpty(t, used[program], program)
		version, err := inv.Version(program)
		require.NoError(t, err)
		list := judge.Of(program, version)
		require.True(t, strings.HasPrefix(version, list.Version+"."), "make the lists of %s %s", program, version)
		for _, name := range used[program] {
			require.Contains(t, list.Names, name, "%s has no such flag", program)
		}
	}
}
