package gobuild_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/module"

	"provision/provision/bundle/gobuild"
)

var (
	tool = module.Version{Path: "example.org/tool", Version: "v1.2.0"}
	part = module.Version{Path: "example.org/part", Version: "v0.2.0"}
)

// modules are a command and a library that the command's go.mod replaces by
// a folder, as large projects do.
func modules() map[module.Version]map[string]string {
	return map[module.Version]map[string]string{
		tool: {
			"go.mod":          "module example.org/tool\ngo 1.24\nrequire example.org/part v0.0.0\nreplace example.org/part => ./staging/part\n",
			"cmd/tool/run.go": "package main\nimport \"example.org/part\"\nvar version = \"dev\"\nfunc main() { println(version, part.Name) }\n",
		},
		part: {
			"go.mod":  "module example.org/part\ngo 1.24\n",
			"part.go": "package part\nconst Name = \"part\"\n",
		},
	}
}

func spec() gobuild.Spec {
	return gobuild.Spec{
		Module: tool.Path, Version: tool.Version, Package: tool.Path + "/cmd/tool", Arch: runtime.GOARCH,
		Stamps: []string{"main.version=v1.2.0"}, LocalReplaces: part.Version,
	}
}

func build(t *testing.T, b *gobuild.Builder, s gobuild.Spec) (gobuild.Result, []byte, string) {
	t.Helper()
	dir := t.TempDir()
	plan, err := b.Plan(t.Context(), s, dir)
	require.NoError(t, err)
	out := filepath.Join(dir, "out", "tool")
	require.NoError(t, b.Build(t.Context(), s, dir, out, nil))
	data, err := os.ReadFile(out)
	require.NoError(t, err)
	return plan, data, out
}

func TestBuildIsStampedRecordedAndReproducible(t *testing.T) {
	b := &gobuild.Builder{Env: fileProxy(t, modules()), AllowNoSumDB: true}
	plan, data, out := build(t, b, spec())
	said, err := exec.Command(out).CombinedOutput()
	require.NoError(t, err)
	assert.Equal(t, "v1.2.0 part\n", string(said))

	again, same, _ := build(t, b, spec()) // in another folder
	assert.Equal(t, plan.Hash, again.Hash)
	assert.True(t, string(data) == string(same), "the same inputs yield the same bytes")

	require.Len(t, plan.Inputs.Modules, 2)
	assert.True(t, strings.HasPrefix(plan.Inputs.Modules[0].Sum, "h1:"))
	assert.Equal(t, part.Path, plan.Inputs.Modules[1].Replaces)
	from := plan.Provenance()
	assert.Equal(t, "example.org/tool@v1.2.0", from.Origin)
	assert.Equal(t, runtime.Version(), from.Go)
}

func TestInputsTellBuildsApart(t *testing.T) {
	b := &gobuild.Builder{Env: fileProxy(t, modules()), AllowNoSumDB: true}
	hash := func(change func(*gobuild.Spec)) string {
		s := spec()
		change(&s)
		plan, err := b.Plan(t.Context(), s, t.TempDir())
		require.NoError(t, err)
		return plan.Hash
	}
	base := hash(func(*gobuild.Spec) {})
	assert.Equal(t, base, hash(func(*gobuild.Spec) {}))
	assert.NotEqual(t, base, hash(func(s *gobuild.Spec) { s.Arch = "riscv64" }))
	assert.NotEqual(t, base, hash(func(s *gobuild.Spec) { s.Tags = []string{"x"} }))
	assert.NotEqual(t, base, hash(func(s *gobuild.Spec) { s.Stamps = nil }))
}

func TestModuleThatDoesNotMatchItsSumIsRefused(t *testing.T) {
	b := &gobuild.Builder{Env: fileProxy(t, modules()), AllowNoSumDB: true}
	s := spec()
	s.Sums = []string{"example.org/tool v1.2.0 h1:" + strings.Repeat("A", 43) + "="}
	_, err := b.Plan(t.Context(), s, t.TempDir())
	require.Error(t, err)
	assert.Contains(t, err.Error(), "example.org/tool@v1.2.0")
	assert.Contains(t, strings.ToLower(err.Error()), "mismatch")
}

func TestFailuresShowTheCompilersWords(t *testing.T) {
	broken := modules()
	broken[tool]["cmd/tool/run.go"] = "package main\nfunc main() { undefinedName() }\n"
	b := &gobuild.Builder{Env: fileProxy(t, broken), AllowNoSumDB: true}
	dir := t.TempDir()
	_, err := b.Plan(t.Context(), spec(), dir)
	require.NoError(t, err)
	err = b.Build(t.Context(), spec(), dir, filepath.Join(dir, "out"), nil)
	assert.ErrorContains(t, err, "undefinedName")

	s := spec()
	s.Version = "v9.9.9"
	_, err = b.Plan(t.Context(), s, t.TempDir())
	assert.ErrorContains(t, err, "example.org/tool@v9.9.9")
}

func TestNothingIsBuiltWithoutTheChecksumDatabase(t *testing.T) {
	b := &gobuild.Builder{Env: fileProxy(t, modules())}
	_, err := b.Plan(t.Context(), spec(), t.TempDir())
	assert.ErrorContains(t, err, "GOSUMDB=off")
}
