package ssh_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	gossh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"provision/provision/internal/ssh"
	"provision/provision/internal/ssh/sshtest"
	"provision/provision/secret"
)

func TestLoginWithEncryptedKeyAsksOnce(t *testing.T) {
	w := newWorld(t)
	file, signer := writeKey(t, w.dir, "locked", "hunter2")
	w.server.Users["ops"] = sshtest.User{Keys: []gossh.PublicKey{signer.PublicKey()}}
	w.target.IdentityFiles = []string{file}
	var asked atomic.Int32
	pool := w.pool(t, func(o *ssh.Options) {
		o.Prompt = func(_ context.Context, q ssh.Question) (secret.Value, error) {
			asked.Add(1)
			assert.Contains(t, q.Text, file)
			return secret.New("hunter2"), nil
		}
	})
	c, err := pool.Connect(within(t), w.target)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	_, err = pool.Connect(within(t), w.target)
	require.NoError(t, err)
	assert.EqualValues(t, 1, asked.Load())
}

func TestEncryptedKeyThatServerRefusesIsNotAskedFor(t *testing.T) {
	w := newWorld(t)
	file, _ := writeKey(t, w.dir, "locked", "hunter2")
	w.target.IdentityFiles = append([]string{file}, w.target.IdentityFiles...)
	w.connect(t, func(o *ssh.Options) {
		o.Prompt = func(context.Context, ssh.Question) (secret.Value, error) {
			t.Error("asked for a passphrase that nobody needs")
			return secret.Value{}, nil
		}
	})
}

func TestLoginWithAgent(t *testing.T) {
	w := newWorld(t)
	file, signer := writeKey(t, w.dir, "locked", "hunter2")
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	key, err := gossh.ParseRawPrivateKeyWithPassphrase(raw, []byte("hunter2"))
	require.NoError(t, err)
	socket := serveAgent(t, key)
	w.server.Users["ops"] = sshtest.User{Keys: []gossh.PublicKey{signer.PublicKey()}}
	for name, files := range map[string][]string{"any key": nil, "the named, encrypted key": {file}} {
		t.Run(name, func(t *testing.T) {
			w.target.IdentityFiles, w.target.UseAgent = files, true
			w.connect(t, func(o *ssh.Options) { o.AgentSocket = socket })
		})
	}
	t.Run("not when the inventory says no", func(t *testing.T) {
		w.target.IdentityFiles, w.target.UseAgent = nil, false
		_, err := w.pool(t, func(o *ssh.Options) { o.AgentSocket = socket }).Connect(within(t), w.target)
		require.ErrorIs(t, err, ssh.ErrAuthFailed)
	})
}

func serveAgent(t *testing.T, key any) string {
	t.Helper()
	ring := agent.NewKeyring()
	require.NoError(t, ring.Add(agent.AddedKey{PrivateKey: key}))
	socket := filepath.Join(t.TempDir(), "a")
	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = agent.ServeAgent(ring, conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })
	return socket
}

func TestLoginWithCertificate(t *testing.T) {
	w := newWorld(t)
	ca := sshtest.NewSigner()
	w.server.Users["ops"] = sshtest.User{Authority: ca.PublicKey()}
	_, err := w.pool(t).Connect(within(t), w.target)
	require.ErrorIs(t, err, ssh.ErrAuthFailed)

	cert := certify(t, ca, w.signer.PublicKey(), gossh.UserCert, "ops")
	file := w.target.IdentityFiles[0] + "-cert.pub"
	require.NoError(t, os.WriteFile(file, gossh.MarshalAuthorizedKey(cert), 0o600))
	w.connect(t)
}

func TestLoginWithPassword(t *testing.T) {
	tests := map[string]struct {
		user   sshtest.User
		prompt string
		secret string
		fails  int // refused credentials, 0 when it works
	}{
		"password":              {user: sshtest.User{Password: "s3"}, secret: "s3"},
		"password asked for":    {user: sshtest.User{Password: "s3"}, prompt: "s3"},
		"wrong password":        {user: sshtest.User{Password: "s3"}, secret: "no", fails: 1},
		"keyboard interactive":  {user: sshtest.User{Questions: []sshtest.Question{{Text: "Password: ", Answer: "s3"}}}, secret: "s3"},
		"with a one-time code":  {user: sshtest.User{Questions: []sshtest.Question{{Text: "Password: ", Answer: "s3"}, {Text: "Code: ", Answer: "42", Echo: true}}}, secret: "s3", prompt: "42"},
		"password sent once":    {user: sshtest.User{Password: "s3", Questions: []sshtest.Question{{Text: "Password: ", Answer: "s3"}}}, secret: "no", fails: 2},
		"nobody can be asked":   {user: sshtest.User{Questions: []sshtest.Question{{Text: "Password: ", Answer: "s3"}, {Text: "Code: ", Answer: "42"}}}, secret: "s3", fails: 1},
		"wrong interactive one": {user: sshtest.User{Questions: []sshtest.Question{{Text: "Password: ", Answer: "s3"}}}, secret: "no", fails: 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.server.Users["ops"] = tt.user
			w.target.IdentityFiles, w.target.Password = nil, secret.New(tt.secret)
			pool := w.pool(t, func(o *ssh.Options) {
				if tt.prompt != "" {
					o.Prompt = func(context.Context, ssh.Question) (secret.Value, error) {
						return secret.New(tt.prompt), nil
					}
				}
			})
			_, err := pool.Connect(within(t), w.target)
			if tt.fails == 0 {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, ssh.ErrAuthFailed)
			assert.LessOrEqual(t, w.server.Failures(), tt.fails)
			assert.NotContains(t, err.Error(), "s3")
		})
	}
}

func TestRefusedLoginIsNotRepeated(t *testing.T) {
	w := newWorld(t)
	w.server.Users = nil
	pool := w.pool(t)
	for range 3 {
		_, err := pool.Connect(within(t), w.target)
		require.ErrorIs(t, err, ssh.ErrAuthFailed)
		assert.True(t, strings.HasPrefix(err.Error(), "m1 (10.0.0.11:22): login refused: user ops, tried "), err)
	}
	assert.Equal(t, 1, w.net.Dials(address))
}

func TestSecretsNeverPrint(t *testing.T) {
	w := newWorld(t)
	w.target.Password, w.target.SudoPassword = secret.New("hunter2"), secret.New("hunter3")
	assert.NotContains(t, sprintAll(w.target), "hunter")
	assert.Equal(t, "hunter2", w.target.Password.Reveal())
}
