package ssh_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/ssh"
	"provision/provision/inventory"
)

const sshConfig = `
Host m1
  HostName m1.example.org
  User alice
  Port 2200
  IdentityFile ~/.ssh/%n-key
  IdentityFile "/keys/b"
  UserKnownHostsFile ~/.ssh/site /etc/site
  IdentitiesOnly yes
  ProxyJump inner
Host inner
  HostName inner.example.org
  ProxyJump bob@outer:2222
Host outer
  HostName 198.51.100.1
  IdentityFile ~/.ssh/outer
Host 10.0.0.12
  User byaddress
Host loop
  ProxyJump loop
Host command
  ProxyCommand nc %h %p
Host badport
  Port none
`

func defaults() inventory.SSH {
	return inventory.SSH{
		User: "root", Port: 22, KnownHosts: []string{"~/.ssh/known_hosts"}, UseAgent: true, UseConfig: true,
		ConnectTimeout: 10 * time.Second, Keepalive: 15 * time.Second,
	}
}

func host(name, address string) inventory.Host {
	return inventory.Host{Name: name, Address: netip.MustParseAddr(address)}
}

// home makes a home folder with a config and one key.
func home(t *testing.T, config string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, ".ssh"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".ssh", "config"), []byte(config), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".ssh", "id_rsa"), nil, 0o600))
	return dir
}

func resolve(t *testing.T, s inventory.SSH, dir string, h inventory.Host) (ssh.Target, error) {
	t.Helper()
	r, err := ssh.NewResolver(s, ssh.Local{Home: dir, Lookup: func(name string) (string, bool) {
		return "from " + name, name != "UNSET"
	}})
	require.NoError(t, err)
	return r.Target(h)
}

func TestTargetFromConfig(t *testing.T) {
	dir := home(t, sshConfig)
	got, err := resolve(t, defaults(), dir, host("m1", "10.0.0.11"))
	require.NoError(t, err)
	assert.Equal(t, ssh.Target{
		Name: "m1", Address: "10.0.0.11", Port: 2200, User: "alice", UseAgent: true, IdentitiesOnly: true, Sudo: true,
		IdentityFiles: []string{dir + "/.ssh/m1-key", "/keys/b"},
		KnownHosts:    []string{dir + "/.ssh/site", "/etc/site"},
		Hops: []ssh.Hop{
			{Address: "198.51.100.1", Port: 2222, User: "bob", IdentityFiles: []string{dir + "/.ssh/outer"}},
			{Address: "inner.example.org", Port: 22, User: "alice"},
		},
		ConnectTimeout: 10 * time.Second, Keepalive: 15 * time.Second,
	}, got)
	got, err = resolve(t, defaults(), dir, host("m2", "10.0.0.12"))
	require.NoError(t, err)
	assert.Equal(t, "byaddress", got.User)
}

// A host that left the inventory is reached the way that it was.
func TestAHostMayHaveAWayOfItsOwn(t *testing.T) {
	s := defaults()
	s.Bastions = []inventory.Bastion{{Address: "192.0.2.1", Port: 22, User: "ops", IdentityFile: "/key", HostKey: "SHA256:x"}}
	listed := ssh.Hop{Address: "192.0.2.1", Port: 22, User: "ops", IdentityFiles: []string{"/key"}, HostKeyPin: "SHA256:x"}
	for jump, want := range map[string][]ssh.Hop{
		"":                                      {listed},
		s.Jump():                                {listed},
		inventory.NoJump:                        {},
		"ann@192.0.2.9:99":                      {{Address: "192.0.2.9", Port: 99, User: "ann"}},
		"ann@[2001:db8::1]:22,ops@192.0.2.1:22": {{Address: "2001:db8::1", Port: 22, User: "ann"}, listed},
	} {
		h := host("m1", "10.0.0.11")
		h.Jump = jump
		got, err := resolve(t, s, t.TempDir(), h)
		require.NoError(t, err, jump)
		assert.Equal(t, want, got.Hops, jump)
	}
	h := host("m1", "10.0.0.11")
	h.Jump = "ann@192.0.2.9:0"
	_, err := resolve(t, s, t.TempDir(), h)
	assert.ErrorContains(t, err, "m1")
}

func TestInventoryWinsOverConfig(t *testing.T) {
	dir := home(t, sshConfig)
	s := defaults()
	s.User, s.Port, s.IdentityFiles, s.KnownHosts = "ops", 2022, []string{"~/mine"}, []string{"/known"}
	s.Sudo, s.PasswordEnv, s.SudoPasswordEnv = true, "PW", "SUDOPW"
	s.Bastions = []inventory.Bastion{{Address: "outer", Port: 22, User: "jump", IdentityFile: "~/j", HostKey: "SHA256:x"}}
	h := host("m1", "10.0.0.11")
	h.HostKey = "SHA256:y"
	got, err := resolve(t, s, dir, h)
	require.NoError(t, err)
	assert.Equal(t, []ssh.Hop{{Address: "198.51.100.1", Port: 22, User: "jump", IdentityFiles: []string{dir + "/j"}, HostKeyPin: "SHA256:x"}}, got.Hops)
	assert.Equal(t, "ops", got.User)
	assert.Equal(t, 2022, got.Port)
	assert.Equal(t, []string{dir + "/mine"}, got.IdentityFiles)
	assert.Equal(t, []string{"/known"}, got.KnownHosts)
	assert.Equal(t, "SHA256:y", got.HostKeyPin)
	assert.Equal(t, "from PW", got.Password.Reveal())
	assert.Equal(t, "from SUDOPW", got.SudoPassword.Reveal())
	assert.True(t, got.Sudo)

	h.User, h.Port, h.IdentityFiles = "root", 22, []string{"/host/key"}
	got, err = resolve(t, s, dir, h)
	require.NoError(t, err)
	assert.Equal(t, "root@22 [/host/key] false", sprintTarget(got))

	s = defaults()
	s.UseConfig = false
	got, err = resolve(t, s, dir, host("m1", "10.0.0.11"))
	require.NoError(t, err)
	assert.Equal(t, "root@22 ["+dir+"/.ssh/id_rsa] false", sprintTarget(got))
	assert.Empty(t, got.Hops)
}

func TestTargetProblems(t *testing.T) {
	dir := home(t, sshConfig)
	unset := defaults()
	unset.PasswordEnv = "UNSET"
	for name, tt := range map[string]struct {
		ssh  inventory.SSH
		host string
		says string
	}{
		"unset variable": {unset, "m1", "the environment variable UNSET, named in the ssh block, is not set"},
		"circle":         {defaults(), "loop", "leads in a circle"},
		"proxy command":  {defaults(), "command", "write a bastion block or ProxyJump"},
		"port":           {defaults(), "badport", `port "none" is no port`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := resolve(t, tt.ssh, dir, host(tt.host, "10.0.0.11"))
			require.ErrorContains(t, err, tt.says)
		})
	}
	_, err := ssh.NewResolver(defaults(), ssh.Local{Home: home(t, "Match exec true\n  User x\n")})
	require.ErrorContains(t, err, "set use_config = false")
	_, err = ssh.NewResolver(defaults(), ssh.Local{Home: t.TempDir()})
	require.NoError(t, err, "no config at all")
}

func FuzzTargetFromConfig(f *testing.F) {
	f.Add(sshConfig)
	f.Add("Host *\n ProxyJump a,b@[::1]:22,ssh://c/\n")
	f.Fuzz(func(t *testing.T, config string) {
		dir := t.TempDir()
		require.NoError(t, os.Mkdir(filepath.Join(dir, ".ssh"), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, ".ssh", "config"), []byte(config), 0o600))
		r, err := ssh.NewResolver(defaults(), ssh.Local{Home: dir})
		if err != nil {
			return
		}
		target, err := r.Target(host("m1", "10.0.0.11"))
		if err == nil {
			assert.Equal(t, "10.0.0.11", target.Address)
		}
	})
}
