//go:build e2e

package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"provision/provision/bundle"
	"provision/provision/bundle/store"
	"provision/provision/inventory"
)

// stamp is a build that differs from a real one by the version that it says:
// the digits in the program are exchanged, which takes no compiler.
type stamp struct{ program, from, to string }

// kubernetesStamps are those of all programs of Kubernetes.
func kubernetesStamps(from, to string) []stamp {
	var list []stamp
	for _, program := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl"} {
		list = append(list, stamp{program, from, to})
	}
	return list
}

// stamped gives the test a store of its own: what the real one has, and builds
// with other version numbers.
func (s *suite) stamped(t *testing.T, stamps ...stamp) {
	t.Helper()
	cache, err := store.DefaultDir()
	require.NoError(t, err)
	whole, err := store.Open(store.Options{})
	require.NoError(t, err)
	dir := t.TempDir()
	own, err := store.Open(store.Options{Dir: dir})
	require.NoError(t, err)
	records, err := whole.List()
	require.NoError(t, err)
	for _, r := range records {
		for _, a := range r.Artifacts {
			blob, err := whole.Open(a.SHA256)
			require.NoError(t, err)
			_, _, err = own.Add(blob, a.SHA256)
			require.NoError(t, err)
			blob.Close()
		}
		require.NoError(t, own.Put(r))
	}
	for _, one := range stamps {
		s.restamp(t, own, one)
	}
	// Labs keep their root file system, and themselves, beside the store.
	require.NoError(t, os.Symlink(filepath.Join(cache, "lab"), filepath.Join(dir, "lab")))
	t.Setenv("PROVISION_CACHE", dir)
}

func (s *suite) restamp(t *testing.T, own *store.Store, one stamp) {
	t.Helper()
	require.Len(t, one.to, len(one.from), "what is exchanged is equally long")
	real := s.artifacts(t, one.program, one.from)[0]
	program, err := os.ReadFile(real.path)
	require.NoError(t, err)
	require.Contains(t, string(program), one.from)
	digest, size, err := own.Add(bytes.NewReader(bytes.ReplaceAll(program, []byte(one.from), []byte(one.to))), "")
	require.NoError(t, err)
	ref := bundle.Ref{Name: one.program, Version: one.to, Arch: runtime.GOARCH}
	require.NoError(t, own.Put(store.Record{Ref: ref,
		Artifacts:  []bundle.Artifact{{Ref: ref, File: one.program, Format: bundle.Binary, SHA256: digest, Size: size}},
		Provenance: store.Provenance{Source: "build"}}))
}

// tested are the versions that inventories have by themselves.
func tested(t *testing.T) inventory.Versions {
	t.Helper()
	return load(t, sample("lab.hcl")).Cluster.Versions
}
