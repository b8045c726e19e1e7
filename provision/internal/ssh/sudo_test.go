package ssh_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/ssh"
	"provision/provision/internal/ssh/sshtest"
	"provision/provision/secret"
)

// fakeSudo behaves as sudo does: it reads the password a byte at a time, asks
// on standard error, and marks what it runs.
const fakeSudo = `#!/bin/sh
echo "$@" >>"$SUDO_LOG"
prompt= ask=no
while :; do case $1 in
-n) shift;; -k) shift;; -S) ask=yes; shift;; -p) prompt=$2; shift 2;; --) shift; break;; *) break;; esac; done
[ "$LC_ALL" = C ] || { echo "sudo: ein Passwort ist notwendig" >&2; exit 1; }
case $SUDO_MODE in
tty) echo "sudo: sorry, you must have a tty to run sudo" >&2; exit 1;;
denied) echo "ops is not in the sudoers file." >&2; exit 1;;
command) echo "Sorry, user ops is not allowed to execute '/bin/true' as root on m1." >&2; exit 1;;
broken) echo "sudo: /usr/bin/sudo must be owned by uid 0 and have the setuid bit set" >&2; exit 1;;
password)
  [ $ask = yes ] || { echo "sudo: a password is required" >&2; exit 1; }
  echo "We trust you have received the usual lecture." >&2
  for try in 1 2 3; do
    printf %s "$prompt" >&2
    IFS= read -r got || { echo "sudo: no password was provided" >&2; exit 1; }
    [ "$got" = "open sesame" ] && { AS_ROOT=yes exec "$@"; }
    echo "Sorry, try again." >&2
  done
  echo "sudo: 3 incorrect password attempts" >&2; exit 1;;
esac
AS_ROOT=yes; export AS_ROOT; exec "$@"
`

func sudoWorld(t *testing.T, mode string) (w *world, log string) {
	t.Helper()
	w = newWorld(t)
	bin := filepath.Join(w.dir, "bin")
	require.NoError(t, os.Mkdir(bin, 0o700))
	if mode != "missing" {
		script := strings.ReplaceAll(fakeSudo, "AS_ROOT=yes exec", "export AS_ROOT=yes; exec")
		require.NoError(t, os.WriteFile(filepath.Join(bin, "sudo"), []byte(script), 0o700))
	}
	for _, tool := range []string{"sh", "env", "cat", "true", "sha256sum", "dd", "uname", "mkdir", "mv", "chmod", "rm", "sync", "find"} {
		for _, dir := range []string{"/usr/bin", "/bin"} {
			if _, err := os.Stat(filepath.Join(dir, tool)); err == nil {
				require.NoError(t, os.Symlink(filepath.Join(dir, tool), filepath.Join(bin, tool)))
				break
			}
		}
	}
	log = filepath.Join(w.dir, "sudo.log")
	w.server.Exec = sshtest.RealShell("PATH="+bin, "SUDO_MODE="+mode, "SUDO_LOG="+log)
	w.target.Sudo = true
	return w, log
}

func TestSudo(t *testing.T) {
	tests := map[string]struct {
		mode, password string
		kind           error
		says           string
	}{
		"without a password":         {mode: "free"},
		"with a password":            {mode: "password", password: "open sesame"},
		"a password nobody asks for": {mode: "free", password: "open sesame"},
		"a password is needed":       {mode: "password", kind: ssh.ErrSudoPassword, says: "a password is required; set sudo_password_env"},
		"a wrong password":           {mode: "password", password: "abracadabra", kind: ssh.ErrSudoPassword, says: "the sudo password was refused"},
		"requiretty":                 {mode: "tty", kind: ssh.ErrSudoTTY, says: "remove `Defaults requiretty`"},
		"requiretty with password":   {mode: "tty", password: "x", kind: ssh.ErrSudoTTY, says: "remove `Defaults requiretty`"},
		"not a sudoer":               {mode: "denied", kind: ssh.ErrSudoDenied, says: "ops is not in the sudoers file"},
		"not for this command":       {mode: "command", password: "x", kind: ssh.ErrSudoDenied, says: "not allowed to execute"},
		"no setuid":                  {mode: "broken", kind: ssh.ErrNoSudo, says: "setuid"},
		"no sudo":                    {mode: "missing", kind: ssh.ErrSudoMissing, says: "install sudo"},
		"no sudo with password":      {mode: "missing", password: "x", kind: ssh.ErrSudoMissing, says: "install sudo"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, log := sudoWorld(t, tt.mode)
			w.target.SudoPassword = secret.New(tt.password)
			c := w.connect(t)
			stdout, stderr, code, err := run(within(t), c, []string{"sh", "-c", `echo "$AS_ROOT $1"; cat; echo err >&2; exit 4`, "sh", "x y"},
				strings.NewReader("my own input\n"), ssh.StartOptions{Sudo: true})
			if tt.kind != nil {
				require.ErrorIs(t, err, tt.kind)
				require.ErrorIs(t, err, ssh.ErrNoSudo)
				assert.ErrorContains(t, err, "m1 (10.0.0.11:22): ")
				assert.ErrorContains(t, err, tt.says)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, "yes x y\nmy own input\n", string(stdout))
			assert.Equal(t, 4, code)
			assert.True(t, strings.HasSuffix(string(stderr), "err"), string(stderr))
			argv, err := os.ReadFile(log)
			require.NoError(t, err)
			assert.NotContains(t, string(argv), "sesame")
			assert.Equal(t, 1, w.server.Execs())
		})
	}
}

func TestRootNeedsNoSudo(t *testing.T) {
	w, _ := sudoWorld(t, "denied")
	w.target.Sudo = false
	_, _, code, err := run(within(t), w.connect(t), []string{"true"}, nil, ssh.StartOptions{Sudo: true})
	require.NoError(t, err)
	assert.Zero(t, code)
}

func TestCommandThatSoundsLikeSudoIsNotSudo(t *testing.T) {
	w, _ := sudoWorld(t, "free")
	w.target.SudoPassword = secret.New("x")
	_, stderr, code, err := run(within(t), w.connect(t), []string{"sh", "-c", "echo 'sudo: a password is required' >&2; exit 1"}, nil, ssh.StartOptions{Sudo: true})
	require.NoError(t, err)
	assert.Equal(t, 1, code)
	assert.Contains(t, string(stderr), "a password is required")
}
