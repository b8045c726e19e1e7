package ssh_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	gossh "golang.org/x/crypto/ssh"

	"provision/provision/internal/ssh"
	"provision/provision/internal/ssh/hostkey"
	"provision/provision/internal/ssh/sshtest"
)

// openSSH starts the real sshd on loopback with extra lines of configuration.
func openSSH(t *testing.T, dir string, wrap []string, extra ...string) (port int) {
	t.Helper()
	binary, err := exec.LookPath("sshd")
	if err != nil {
		binary = "/usr/sbin/sshd"
	}
	if _, err := os.Stat(binary); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("sshd is missing: install openssh-server")
		}
		t.Skip("sshd is missing: install openssh-server to run this test")
	}
	if os.Getuid() == 0 { // where sshd of Debian wants its empty folder
		require.NoError(t, os.MkdirAll("/run/sshd", 0o755))
	}
	writeKey(t, dir, "host", "")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port = listener.Addr().(*net.TCPAddr).Port
	require.NoError(t, listener.Close())
	lines := append([]string{
		fmt.Sprintf("ListenAddress 127.0.0.1:%d", port), "HostKey " + dir + "/host", "PidFile none",
		"AuthorizedKeysFile " + dir + "/authorized", "StrictModes no", "UsePAM no", "PasswordAuthentication no",
		"KbdInteractiveAuthentication no", "PermitRootLogin prohibit-password", "LogLevel VERBOSE",
	}, extra...)
	file := filepath.Join(dir, "sshd_config")
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	log := &lockedBuffer{ready: make(chan struct{})}
	argv := append(slices.Clone(wrap), binary, "-D", "-e", "-f", file)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stderr = log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	select {
	case <-log.ready:
	case <-time.After(time.Minute):
		t.Fatal("sshd does not listen: " + log.String())
	}
	return port
}

// lockedBuffer collects sshd's log and tells when it listens.
type lockedBuffer struct {
	mu    sync.Mutex
	text  bytes.Buffer
	once  sync.Once
	ready chan struct{}
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Write(p)
	if strings.Contains(b.text.String(), "Server listening on") {
		b.once.Do(func() { close(b.ready) })
	}
	return len(p), nil
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// realWorld is an sshd that this user may log in to.
func realWorld(t *testing.T, extra ...string) (ssh.Target, string) {
	t.Helper()
	return realWorldWith(t, nil, extra...)
}

// realWorldWith starts sshd through another command.
func realWorldWith(t *testing.T, wrap []string, extra ...string) (ssh.Target, string) {
	t.Helper()
	dir := t.TempDir()
	file, signer := writeKey(t, dir, "id", "")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "authorized"), gossh.MarshalAuthorizedKey(signer.PublicKey()), 0o600))
	port := openSSH(t, dir, wrap, extra...)
	me, err := user.Current()
	require.NoError(t, err)
	target := ssh.Target{
		Name: "real", Address: "127.0.0.1", Port: port, User: me.Username, IdentityFiles: []string{file},
		KnownHosts: []string{filepath.Join(dir, "known_hosts")}, ConnectTimeout: 30 * time.Second, Keepalive: 10 * time.Second,
	}
	keys, err := hostkey.Scan(within(t), (&net.Dialer{}).DialContext, target.Endpoint())
	require.NoError(t, err)
	require.NoError(t, hostkey.Accept(target.KnownHosts[0], target.Endpoint(), false, keys[0].Public))
	return target, dir
}

func realPool(t *testing.T) *ssh.Pool {
	t.Helper()
	pool := ssh.NewPool(ssh.Options{})
	t.Cleanup(func() { require.NoError(t, pool.Close()) })
	return pool
}

func TestOpenSSHAgentStart(t *testing.T) {
	target, dir := realWorld(t)
	c, err := realPool(t).Connect(within(t), target)
	require.NoError(t, err)
	binary := ssh.NewAgentBinary(map[string][]byte{"amd64": fakeAgent(), "arm64": fakeAgent()})
	binary.Dir = filepath.Join(dir, "agent")
	for _, channels := range []int{2, 1} {
		before := c.Channels()
		p, err := ssh.StartAgent(within(t), c, binary, "serve", "n0nce")
		require.NoError(t, err)
		talk(t, p)
		assert.Equal(t, channels, c.Channels()-before)
	}
}

func TestOpenSSHExec(t *testing.T) {
	target, _ := realWorld(t)
	c, err := realPool(t).Connect(within(t), target)
	require.NoError(t, err)
	odd := []string{"printf", `[%s]`, "it's", `"a\b"`, "$HOME `id`", "new\nline", "", "é*?~"}
	out, _, code, err := run(within(t), c, odd, nil, ssh.StartOptions{})
	require.NoError(t, err)
	assert.Zero(t, code)
	assert.Equal(t, "["+strings.Join(odd[2:], "][")+"]", string(out))
	_, stderr, code, err := run(within(t), c, []string{"sh", "-c", "echo no >&2; exit 7"}, nil, ssh.StartOptions{})
	require.NoError(t, err)
	assert.Equal(t, 7, code)
	assert.Equal(t, "no", string(stderr))

	var wg sync.WaitGroup // more than MaxSessions at once
	for range 25 {
		wg.Go(func() {
			out, _, _, err := run(within(t), c, []string{"sh", "-c", "cat; echo done"}, strings.NewReader("in "), ssh.StartOptions{})
			assert.NoError(t, err)
			assert.Equal(t, "in done\n", string(out))
		})
	}
	wg.Wait()

	p, err := c.Start(within(t), []string{"sh", "-c", "kill -9 $$"}, ssh.StartOptions{})
	require.NoError(t, err)
	var exit *ssh.ExitError
	require.ErrorAs(t, p.Wait(), &exit)
	assert.Equal(t, "KILL", exit.Signal)
}

func TestOpenSSHKilledProcessIsGone(t *testing.T) {
	target, dir := realWorld(t)
	c, err := realPool(t).Connect(within(t), target)
	require.NoError(t, err)
	fifo := filepath.Join(dir, "fifo") // its reader sees the end when the writer is gone
	require.NoError(t, exec.Command("mkfifo", fifo).Run())
	p, err := c.Start(within(t), []string{"sh", "-c", `exec 3>"$1"; echo up; exec cat`, "sh", fifo}, ssh.StartOptions{})
	require.NoError(t, err)
	gone := make(chan error, 1)
	go func() { _, err := os.ReadFile(fifo); gone <- err }()
	_, err = p.Stdout.Read(make([]byte, 3))
	require.NoError(t, err)
	p.Kill()
	require.Error(t, p.Wait())
	select {
	case err := <-gone:
		require.NoError(t, err)
	case <-within(t).Done():
		t.Fatal("the process outlived its channel")
	}
}

func TestOpenSSHCertificates(t *testing.T) {
	dir := t.TempDir()
	ca := sshtest.NewSigner()
	caFile := filepath.Join(dir, "ca.pub")
	require.NoError(t, os.WriteFile(caFile, gossh.MarshalAuthorizedKey(ca.PublicKey()), 0o600))
	target, _ := realWorld(t, "TrustedUserCAKeys "+caFile)
	file, signer := writeKey(t, dir, "user", "")
	target.IdentityFiles = []string{file}
	_, err := realPool(t).Connect(within(t), target)
	require.ErrorIs(t, err, ssh.ErrAuthFailed)
	assert.ErrorContains(t, err, file)
	cert := certify(t, ca, signer.PublicKey(), gossh.UserCert, target.User)
	require.NoError(t, os.WriteFile(file+"-cert.pub", gossh.MarshalAuthorizedKey(cert), 0o600))
	_, err = realPool(t).Connect(within(t), target)
	require.NoError(t, err)
}

func TestOpenSSHHostCertificateAndChangedKey(t *testing.T) {
	target, _ := realWorld(t)
	require.NoError(t, os.Remove(target.KnownHosts[0]))
	_, err := realPool(t).Connect(within(t), target)
	require.ErrorIs(t, err, ssh.ErrHostKeyUnknown)
	require.NoError(t, hostkey.Accept(target.KnownHosts[0], target.Endpoint(), false, sshtest.NewSigner().PublicKey()))
	_, err = realPool(t).Connect(within(t), target)
	require.ErrorIs(t, err, ssh.ErrHostKeyChanged)

	ca := sshtest.NewSigner()
	certDir := t.TempDir()
	_, hostSigner := writeKey(t, certDir, "certified", "")
	require.NoError(t, os.WriteFile(filepath.Join(certDir, "certified-cert.pub"),
		gossh.MarshalAuthorizedKey(certify(t, ca, hostSigner.PublicKey(), gossh.HostCert, "real")), 0o600))
	third, _ := realWorld(t, "HostKey "+certDir+"/certified", "HostCertificate "+certDir+"/certified-cert.pub")
	require.NoError(t, os.WriteFile(third.KnownHosts[0], []byte("@cert-authority real,[real]:* "+line(ca.PublicKey())+"\n"), 0o600))
	_, err = realPool(t).Connect(within(t), third)
	require.NoError(t, err)
}

func TestOpenSSHBastion(t *testing.T) {
	target, dir := realWorld(t)
	bastion, _ := realWorld(t)
	known, err := os.ReadFile(bastion.KnownHosts[0])
	require.NoError(t, err)
	mine, err := os.ReadFile(target.KnownHosts[0])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(target.KnownHosts[0], append(mine, known...), 0o600))
	target.Hops = []ssh.Hop{{Address: bastion.Address, Port: bastion.Port, User: bastion.User, IdentityFiles: bastion.IdentityFiles}}
	c, err := realPool(t).Connect(within(t), target)
	require.NoError(t, err)
	out, _, _, err := run(within(t), c, []string{"cat", filepath.Join(dir, "id.pub")}, nil, ssh.StartOptions{})
	require.NoError(t, err)
	assert.Contains(t, string(out), "ssh-ed25519")
}
