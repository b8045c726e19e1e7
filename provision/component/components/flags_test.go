package components_test

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"provision/provision/component/componenttest"
	"provision/provision/resource/file"
)

var programs = flag.String("programs", "", "folder of the real programs, to write testdata/flags anew from their --help")

var (
	startPattern = regexp.MustCompile(`(?m)^ExecStart=((?:.*\\\n)*.*)$`)
	flagPattern  = regexp.MustCompile(`(?m)--?([a-z][a-z0-9-]*)=`)
	helpPattern  = regexp.MustCompile(`(?m)^\s+(?:-[a-zA-Z], )?--?([a-z][a-z0-9-]*)`)
)

// Every flag on a command line exists in the versions that are the default:
// testdata/flags has the names that the real programs print with --help.
func TestFlagsExist(t *testing.T) {
	used := map[string][]string{}
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
		known := knownFlags(t, program)
		for _, name := range used[program] {
			require.Contains(t, known, name, "%s has no such flag", program)
		}
	}
}

func knownFlags(t *testing.T, program string) []string {
	t.Helper()
	path := "testdata/flags/" + program + ".txt"
	if *programs != "" {
		// Some programs leave with an error after printing their help.
		out, _ := exec.Command(filepath.Join(*programs, program), "--help").CombinedOutput()
		var names []string
		for _, found := range helpPattern.FindAllStringSubmatch(string(out), -1) {
			names = append(names, found[1])
		}
		slices.Sort(names)
		names = slices.Compact(names)
		require.NotEmpty(t, names, "%s printed: %s", program, out)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(strings.Join(names, "\n")+"\n"), 0o644))
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return strings.Fields(string(text))
}
