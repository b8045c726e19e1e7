package ssh_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/ssh"
	"provision/provision/secret"
)

// privateEtc runs sshd with a copy of /etc in which user ops exists and sudo
// has the given rules. It is seen by nobody else and goes with the process.
const privateEtc = `set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
cp -a /etc "$1/etc"
mount --bind "$1/etc" /etc
echo 'ops:x:4711:4711::/tmp:/bin/sh' >>/etc/passwd
echo 'ops:x:4711:' >>/etc/group
printf 'ops:%s:19000:0:99999:7:::\n' "$(openssl passwd -6 'open sesame')" >>/etc/shadow
printf '%s\n' "$2" >/etc/sudoers
chmod 0440 /etc/sudoers
shift 2
exec "$@"`

func TestRealSudo(t *testing.T) {
	if os.Getuid() != 0 || exec.Command("sudo", "-V").Run() != nil || exec.Command("unshare", "-m", "true").Run() != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("this test needs root, unshare and sudo: install sudo")
		}
		t.Skip("this test needs root, unshare and sudo")
	}
	tests := map[string]struct {
		rules, password string
		kind            error
	}{
		"no password":                 {rules: "ops ALL=(ALL) NOPASSWD: ALL"},
		"no password, use_pty":        {rules: "Defaults use_pty\nops ALL=(ALL) NOPASSWD: ALL"},
		"password":                    {rules: "ops ALL=(ALL) ALL", password: "open sesame"},
		"password, use_pty":           {rules: "Defaults use_pty\nops ALL=(ALL) ALL", password: "open sesame"},
		"password nobody asks for":    {rules: "Defaults use_pty\nops ALL=(ALL) NOPASSWD: ALL", password: "open sesame"},
		"password needed":             {rules: "ops ALL=(ALL) ALL", kind: ssh.ErrSudoPassword},
		"wrong password":              {rules: "ops ALL=(ALL) ALL", password: "abracadabra", kind: ssh.ErrSudoPassword},
		"not a sudoer":                {rules: "root ALL=(ALL) ALL", kind: ssh.ErrNoSudo},
		"not a sudoer, with password": {rules: "root ALL=(ALL) ALL", password: "open sesame", kind: ssh.ErrSudoDenied},
		"requiretty":                  {rules: "Defaults requiretty\nops ALL=(ALL) NOPASSWD: ALL", kind: ssh.ErrSudoTTY},
		"requiretty with password":    {rules: "Defaults requiretty\nops ALL=(ALL) ALL", password: "open sesame", kind: ssh.ErrSudoTTY},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			target := sudoTarget(t, tt.rules)
			target.SudoPassword = secret.New(tt.password)
			c, err := realPool(t).Connect(within(t), target)
			require.NoError(t, err)
			out, _, code, err := run(within(t), c, []string{"sh", "-c", "id -u; cat; exit 5"},
				strings.NewReader("mine\n"), ssh.StartOptions{Sudo: true})
			binary := ssh.NewAgentBinary(map[string][]byte{"amd64": fakeAgent(), "arm64": fakeAgent()})
			binary.Dir = filepath.Join(t.TempDir(), "agent")
			if tt.kind != nil {
				require.ErrorIs(t, err, tt.kind)
				_, err = ssh.StartAgent(within(t), c, binary, "serve", "n0nce")
				require.ErrorIs(t, err, tt.kind)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, "0\nmine\n", string(out))
			assert.Equal(t, 5, code)
			for range 2 {
				p, err := ssh.StartAgent(within(t), c, binary, "serve", "n0nce")
				require.NoError(t, err)
				talk(t, p)
			}
		})
	}
}

// sudoTarget starts sshd in its private view of /etc.
func sudoTarget(t *testing.T, rules string) ssh.Target {
	t.Helper()
	etc := t.TempDir()
	return realWorldAs(t, "ops", []string{"unshare", "-m", "sh", "-c", privateEtc, "sh", etc, rules})
}

func realWorldAs(t *testing.T, name string, wrap []string) ssh.Target {
	t.Helper()
	target, dir := realWorldWith(t, wrap)
	// sshd reads the key as the user who logs in.
	for p := dir; p != os.TempDir() && p != "/"; p = filepath.Dir(p) {
		require.NoError(t, os.Chmod(p, 0o755))
	}
	require.NoError(t, os.Chmod(filepath.Join(dir, "authorized"), 0o644))
	target.User, target.Sudo = name, true
	return target
}
