//go:build e2e

package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// kinds runs on a lab host what package resourcetest has for real hosts.
func (s *suite) kinds(t *testing.T) {
	c := s.boot(t, "kinds", sample("single.hcl"))
	c.put(t, "k1", s.kindTests(t), "/root/kinds")
	c.on(t, "k1", "mkdir", "/root/debs")
	for _, deb := range s.artifacts(t, "deb-nftables", "bookworm") {
		c.put(t, "k1", deb.path, "/root/debs/"+deb.File)
	}
	c.inside(t, "TestUnit|TestAccounts|TestKernel|TestPackages", "PROVISION_TEST_DEBS=/root/debs")
}

// kindTests compiles the tests.
func (s *suite) kindTests(t *testing.T) string {
	t.Helper()
	to := filepath.Join(s.folder, "kinds")
	cmd := exec.CommandContext(t.Context(), "go", "test", "-c", "-tags", "labhost", "-o", to, repo+"/provision/resource/resourcetest")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return to
}

// inside runs them on k1.
func (c *cluster) inside(t *testing.T, tests string, env ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd, err := c.lab.Command(ctx, "k1", append(append([]string{"env"}, env...), "/root/kinds", "-test.v", "-test.run", tests)...)
	require.NoError(t, err)
	cmd.Dir = "/"
	out, err := cmd.CombinedOutput()
	t.Logf("%s", tail(string(out), 40))
	require.NoError(t, err)
	require.Contains(t, string(out), "--- PASS", "something ran")
}
