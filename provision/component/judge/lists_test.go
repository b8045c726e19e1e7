package judge

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	programs = flag.String("programs", "", "folder of the real programs, to write lists anew")
	modules  = flag.String("modules", "", "folder of the sources of Go modules of their versions ($GOMODCACHE)")
)

var (
	versionPattern = regexp.MustCompile(`(?:Kubernetes v|etcd Version: |^v)(\d+\.\d+\.\d+)`)
	helpPattern    = regexp.MustCompile(`(?m)^\s+(?:-[a-zA-Z], )?--?([a-z][a-z0-9-]*)`)
	hiddenPattern  = regexp.MustCompile(`(?:MarkDeprecated|MarkHidden)\("([a-z][a-z0-9-]*)"`)
	gatePattern    = regexp.MustCompile(`(?m)^\s+\w+\s+(?:featuregate\.)?Feature\s*=\s*"(\w+)"`)
	unknownPattern = regexp.MustCompile(`unknown flag: |flag provided but not defined|unknown shorthand`)
	invalidPattern = regexp.MustCompile(`invalid (?:boolean )?(?:argument|value) `)
)

// TestLists writes the lists anew. The names are those that --help prints and those
// that the sources hide from it; the program is then asked for each whether it
// knows it, and what it takes.
func TestLists(t *testing.T) {
	if *programs == "" {
		t.Skip("takes -programs DIR -modules DIR, and some minutes")
	}
	for _, program := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "flanneld"} {
		binary := filepath.Join(*programs, program)
		version := versionPattern.FindStringSubmatch(said(binary, "--version"))
		require.NotNil(t, version, program)
		names := map[string]bool{}
		for _, found := range helpPattern.FindAllStringSubmatch(said(binary, "--help"), -1) {
			names[found[1]] = true
		}
		for _, found := range hiddenPattern.FindAllStringSubmatch(sourcesOf(t, version[1]), -1) {
			names[found[1]] = true
		}
		var lines []string
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if want, ok := probe(binary, name); ok {
				lines = append(lines, name+" "+want)
			}
		}
		write(t, program, version[1], "its flags, and what it takes as their values", lines)
		if program == "kubelet" {
			writeGates(t, binary, version[1])
		}
	}
}

// probe asks a program what it takes for a flag: help is printed only after the
// flags before it were taken.
func probe(binary, name string) (want string, known bool) {
	ask := func(value string) bool {
		out := said(binary, "--"+name+"="+value, "--help")
		known = !unknownPattern.MatchString(out)
		return known && !invalidPattern.MatchString(out)
	}
	if name == "help" || name == "h" || name == "version" {
		return "", false
	}
	for _, try := range []struct{ value, want string }{{"abc", "text"}, {"1Ki", "text"}, {"2.5", "fraction"}, {"2", "number"}, {"2s", "duration"}, {"true", "bool"}} {
		if ask(try.value) {
			return try.want, true
		}
		if !known {
			return "", false
		}
	}
	return "text", true
}

func writeGates(t *testing.T, kubelet, version string) {
	var lines []string
	names := []string{"AllAlpha", "AllBeta"}
	for _, found := range gatePattern.FindAllStringSubmatch(sourcesOf(t, version), -1) {
		names = append(names, found[1])
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		with := func(value string) string {
			return said(kubelet, "--feature-gates="+name+"="+value, "--config=/nonexistent")
		}
		on, off := with("true"), with("false")
		switch {
		case strings.Contains(on, "unrecognized feature gate"):
		case strings.Contains(on, "feature is locked"):
			lines = append(lines, name+" false")
		case strings.Contains(off, "feature is locked"):
			lines = append(lines, name+" true")
		default:
			lines = append(lines, name)
		}
	}
	write(t, gates, version, "feature gates that its programs know, and the value of those that have but one", lines)
}

func write(t *testing.T, name, version, what string, lines []string) {
	require.NotEmpty(t, lines, name)
	head := fmt.Sprintf("# %s %s: %s.\n# Made by: go test ./provision/component/judge -run TestLists -programs DIR -modules $(go env GOMODCACHE)\n", name, version, what)
	path := fmt.Sprintf("lists/%s-%s.txt", name, minor(version))
	require.NoError(t, os.WriteFile(path, []byte(head+strings.Join(lines, "\n")+"\n"), 0o644))
}

func said(argv ...string) string {
	out, _ := exec.Command(argv[0], argv[1:]...).CombinedOutput() // some leave with an error after their help
	return string(out)
}

// sourcesOf are the Go files of Kubernetes of a version that speak of flags and
// feature gates.
func sourcesOf(t *testing.T, version string) string {
	staging := "0" + strings.TrimPrefix(version, "1")
	var text strings.Builder
	for _, module := range []string{"kubernetes@v" + version, "apiserver@v" + staging, "component-base@v" + staging, "client-go@v" + staging,
		"apiextensions-apiserver@v" + staging, "controller-manager@v" + staging, "cloud-provider@v" + staging} {
		root := filepath.Join(*modules, "k8s.io", module)
		if _, err := os.Stat(root); err != nil {
			continue // a program that is not of Kubernetes
		}
		require.NoError(t, filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			raw, err := os.ReadFile(path)
			if source := string(raw); hiddenPattern.MatchString(source) || gatePattern.MatchString(source) {
				text.WriteString(source)
			}
			return err
		}))
	}
	return text.String()
}

// Each list says how it was made, and is sorted.
func TestListsAreWhole(t *testing.T) {
	files, err := lists.ReadDir("lists")
	require.NoError(t, err)
	assert.Len(t, files, 8)
	for _, f := range files {
		name, release := split(f.Name())
		list := Of(name, release+".9")
		require.NotNil(t, list, f.Name())
		assert.Equal(t, release, list.Version)
		assert.Greater(t, len(list.Names), 20, f.Name())
	}
}
