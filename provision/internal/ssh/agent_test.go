package ssh_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/ssh"
	"provision/provision/internal/ssh/sshtest"
	"provision/provision/secret"
)

// fakeAgent is a script of a real agent's size that greets and echoes.
func fakeAgent() []byte {
	var b bytes.Buffer
	b.WriteString("#!/bin/sh\necho \"PROVISION/1 $2\"\ncat\nexit 0\n")
	noise := rand.NewChaCha8([32]byte{1})
	_, _ = io.CopyN(&b, noise, 5<<20)
	return b.Bytes()
}

func agentOn(t *testing.T, w *world) (ssh.AgentBinary, string) {
	t.Helper()
	b := ssh.NewAgentBinary(map[string][]byte{"amd64": fakeAgent(), "arm64": append(fakeAgent(), 'x')})
	b.Dir = filepath.Join(w.dir, "lib", "agent")
	return b, b.Dir
}

// talk checks that the agent has a clean standard input and output.
func talk(t *testing.T, p *ssh.Process) {
	t.Helper()
	_, err := io.WriteString(p.Stdin, "ping\n")
	require.NoError(t, err)
	require.NoError(t, p.Stdin.Close())
	out, err := io.ReadAll(p.Stdout)
	require.NoError(t, err)
	assert.Equal(t, "PROVISION/1 n0nce\nping\n", string(out))
	require.NoError(t, p.Wait())
}

func TestStartAgentUploadsOnlyWhatIsMissing(t *testing.T) {
	for name, password := range map[string]string{"root": "-", "sudo": "", "sudo with password": "open sesame"} {
		t.Run(name, func(t *testing.T) {
			mode := "free"
			if password == "open sesame" {
				mode = "password"
			}
			w, _ := sudoWorld(t, mode)
			w.target.Sudo = password != "-"
			if w.target.Sudo {
				w.target.SudoPassword = secret.New(password)
			}
			binary, dir := agentOn(t, w)
			c := w.connect(t)
			start := func(channels int) {
				t.Helper()
				before := c.Channels()
				p, err := ssh.StartAgent(within(t), c, binary, "serve", "n0nce")
				require.NoError(t, err)
				talk(t, p)
				assert.Equal(t, channels, c.Channels()-before)
			}
			start(2)
			start(1)
			files, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Len(t, files, 1, "nothing temporary is left")
			file := filepath.Join(dir, files[0].Name())
			info, err := os.Stat(file)
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
			info, err = os.Stat(dir)
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())

			require.NoError(t, os.Truncate(file, 1000)) // a disk that lost something
			start(2)
			start(1)
		})
	}
}

func TestStartAgentFailures(t *testing.T) {
	t.Run("architecture", func(t *testing.T) {
		w := newWorld(t)
		_, err := ssh.StartAgent(within(t), w.connect(t), ssh.AgentBinary{Dir: w.dir}, "serve")
		require.ErrorContains(t, err, "cannot start the agent on m1 (10.0.0.11:22): there is none for its architecture")
	})
	t.Run("corrupted on the way", func(t *testing.T) {
		w := newWorld(t)
		binary, dir := agentOn(t, w)
		for arch, build := range binary.Builds {
			build.Data = append([]byte("#"), build.Data...)
			binary.Builds[arch] = build
		}
		_, err := ssh.StartAgent(within(t), w.connect(t), binary, "serve")
		require.ErrorContains(t, err, "verifying")
		files, err := os.ReadDir(dir)
		require.NoError(t, err)
		assert.Empty(t, files)
	})
	t.Run("no place", func(t *testing.T) {
		w := newWorld(t)
		binary, dir := agentOn(t, w)
		require.NoError(t, os.WriteFile(filepath.Dir(dir), nil, 0o600))
		_, err := ssh.StartAgent(within(t), w.connect(t), binary, "serve")
		require.ErrorContains(t, err, "creating folder "+dir)
	})
	t.Run("no sudo", func(t *testing.T) {
		w, _ := sudoWorld(t, "denied")
		binary, _ := agentOn(t, w)
		_, err := ssh.StartAgent(within(t), w.connect(t), binary, "serve")
		require.ErrorIs(t, err, ssh.ErrSudoDenied)
	})
	t.Run("connection cut during the upload", func(t *testing.T) {
		w := newWorld(t)
		binary, dir := agentOn(t, w)
		shell := w.server.Exec
		w.server.Exec = func(ctx context.Context, e sshtest.Exec) int {
			e.Stdin = io.LimitReader(e.Stdin, 1<<20)
			return shell(ctx, e)
		}
		_, err := ssh.StartAgent(within(t), w.connect(t), binary, "serve")
		require.Error(t, err)
		files, err := os.ReadDir(dir)
		require.NoError(t, err)
		assert.Empty(t, files, "nothing half-written")
	})
}

func TestAgentInProcess(t *testing.T) {
	w := newWorld(t)
	w.server.Exec = sshtest.Agent(func(_ context.Context, args []string, e sshtest.Exec) int {
		_, _ = io.WriteString(e.Stdout, "PROVISION/1 "+args[1]+"\n")
		_, _ = io.Copy(e.Stdout, e.Stdin)
		return 0
	}, nil)
	w.target.Sudo = true
	p, err := ssh.StartAgent(within(t), w.connect(t), ssh.NewAgentBinary(map[string][]byte{"amd64": {1}}), "serve", "n0nce")
	require.NoError(t, err)
	talk(t, p)
}
