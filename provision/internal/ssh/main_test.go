package ssh_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	gossh "golang.org/x/crypto/ssh"

	"provision/provision/internal/ssh"
	"provision/provision/internal/ssh/hostkey"
	"provision/provision/internal/ssh/sshtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const address = "10.0.0.11:22"

// world is one server that user ops may log in to with a key file, and the
// target that leads to it.
type world struct {
	net    *sshtest.Network
	server *sshtest.Server
	target ssh.Target
	dir    string
	signer gossh.Signer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{net: sshtest.NewNetwork(), dir: t.TempDir()}
	t.Cleanup(w.net.Close)
	file, signer := writeKey(t, w.dir, "id", "")
	w.signer = signer
	w.server = &sshtest.Server{
		HostKeys: []gossh.Signer{sshtest.NewSigner()},
		Users:    map[string]sshtest.User{"ops": {Keys: []gossh.PublicKey{signer.PublicKey()}}},
		Exec:     sshtest.RealShell("PATH=" + os.Getenv("PATH")),
	}
	w.net.Add(address, w.server)
	w.target = ssh.Target{
		Name: "m1", Address: "10.0.0.11", Port: 22, User: "ops",
		IdentityFiles: []string{file}, KnownHosts: []string{filepath.Join(w.dir, "known_hosts")},
		ConnectTimeout: 30 * time.Second,
	}
	w.know(t, address, w.server)
	return w
}

// know accepts the server's first host key.
func (w *world) know(t *testing.T, address string, s *sshtest.Server) {
	t.Helper()
	require.NoError(t, hostkey.Accept(w.target.KnownHosts[0], address, false, s.HostKeys[0].PublicKey()))
}

func (w *world) pool(t *testing.T, change ...func(*ssh.Options)) *ssh.Pool {
	t.Helper()
	opts := ssh.Options{Dial: w.net.Dial}
	for _, f := range change {
		f(&opts)
	}
	p := ssh.NewPool(opts)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

func (w *world) connect(t *testing.T, change ...func(*ssh.Options)) *ssh.Conn {
	t.Helper()
	c, err := w.pool(t, change...).Connect(within(t), w.target)
	require.NoError(t, err)
	return c
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
