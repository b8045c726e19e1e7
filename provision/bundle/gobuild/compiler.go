package gobuild

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"provision/provision/bundle/store"
)

// Compiler is the C compiler for an architecture.
func Compiler(arch string) (string, error) {
	triple := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[arch]
	names := []string{triple + "-gcc"}
	if arch == runtime.GOARCH {
		names = []string{"gcc", triple + "-gcc"}
	}
	for _, n := range names {
		if _, err := exec.LookPath(n); err == nil {
			return n, nil
		}
	}
	return "", fmt.Errorf("cannot compile C for %s: no %s; install gcc (for another architecture gcc-%s) and libc6-dev", arch, strings.Join(names, " or "), strings.ReplaceAll(triple, "_", "-"))
}

// CompilerID names a compiler and the bytes of the static libraries that it
// links, since they all end up in the result.
func CompilerID(ctx context.Context, cc string, libraries ...string) (string, error) {
	out, err := exec.CommandContext(ctx, cc, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("asking %s for its version: %w", cc, err)
	}
	id, _, _ := strings.Cut(string(out), "\n")
	_, id, _ = strings.Cut(id, " ") // not by which of its names it was called
	for _, lib := range append([]string{"libc.a"}, libraries...) {
		out, err := exec.CommandContext(ctx, cc, "-print-file-name="+lib).Output()
		if err != nil {
			return "", fmt.Errorf("looking for %s: %w", lib, err)
		}
		path := strings.TrimSpace(string(out))
		if !filepath.IsAbs(path) {
			return "", fmt.Errorf("cannot link against %s: %s does not find it; install the -dev package that holds it", lib, cc)
		}
		sum, _, err := store.HashFile(path)
		if err != nil {
			return "", err
		}
		id += " " + lib + "=" + sum[:16]
	}
	return id, nil
}
