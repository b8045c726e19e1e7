package gobuild

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"provision/provision/bundle/store"
)

// goEnv is what of the operator's Go settings a build may see: where to get
// modules and where to cache. Nothing that changes the bytes.
type goEnv struct {
	GOPROXY, GOSUMDB, GOMODCACHE, GOCACHE, GOVERSION, GOROOT, GOTOOLDIR, GOAUTH string
}

func readGoEnv(ctx context.Context, extra []string) (goEnv, error) {
	var env goEnv
	if _, err := exec.LookPath("go"); err != nil {
		return env, fmt.Errorf("cannot build from source: no go command in PATH; install Go, or give a bundle folder or a mirror")
	}
	cmd := exec.CommandContext(ctx, "go", "env", "-json", "GOPROXY", "GOSUMDB", "GOMODCACHE", "GOCACHE", "GOVERSION", "GOROOT", "GOTOOLDIR", "GOAUTH")
	cmd.Dir = os.TempDir() // outside any module or workspace
	cmd.Env = append(append(os.Environ(), "GOTOOLCHAIN=local", "GOWORK=off"), extra...)
	out, err := cmd.Output()
	if err != nil {
		return env, fmt.Errorf("reading `go env`: %w", err)
	}
	if err := json.Unmarshal(out, &env); err != nil {
		return env, fmt.Errorf("reading `go env`: %w", err)
	}
	return env, nil
}

// kept are the variables of the operator's environment that builds inherit.
var kept = []string{
	"PATH", "HOME", "TMPDIR", "USER", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
	"http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC",
}

func (e goEnv) environ(arch string, cgo bool, cc string, extra []string) []string {
	env := []string{
		"GOENV=off", "GOWORK=off", "GOTOOLCHAIN=local", "GOFLAGS=-mod=mod -trimpath", "GOOS=linux", "GOARCH=" + arch,
		"GOPRIVATE=", "GONOPROXY=", "GONOSUMDB=", "GOINSECURE=", "GOEXPERIMENT=", "LC_ALL=C",
		"GOPROXY=" + e.GOPROXY, "GOSUMDB=" + e.GOSUMDB, "GOAUTH=" + e.GOAUTH, "GOMODCACHE=" + e.GOMODCACHE, "GOCACHE=" + e.GOCACHE,
	}
	if cgo {
		env = append(env, "CGO_ENABLED=1", "CC="+cc)
	} else {
		env = append(env, "CGO_ENABLED=0")
	}
	for _, k := range kept {
		if v, ok := os.LookupEnv(k); ok {
			env = append(env, k+"="+v)
		}
	}
	return append(env, extra...)
}

// toolchain is the hash of the programs that make the bytes.
func (e goEnv) toolchain() (string, error) {
	var id string
	for _, tool := range []string{"compile", "link", "asm"} {
		sum, _, err := store.HashFile(filepath.Join(e.GOTOOLDIR, tool))
		if err != nil {
			return "", fmt.Errorf("looking at the Go toolchain: %w", err)
		}
		id += sum
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:8]), nil
}
