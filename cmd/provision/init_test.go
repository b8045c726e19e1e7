package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"provision/cmd/provision/internal/cli"
	"provision/provision/fleettest"
	"provision/provision/inventory"
	"provision/provision/parts"
	"provision/test/terminal"
)

const threeHosts = `
cluster "c" {}
host "m[1-3]" {
  address = "192.0.2.[11-13]"
  roles   = ["etcd", "master", "node"]
}
`

// office is a person's desk: a home with a key, and hosts behind a bastion on
// loopback. The hosts run the real agent, over real SSH; their keys are not
// known yet.
type office struct {
	home, bastion string
	fleet         *fleettest.Fleet
}

func newOffice(t *testing.T) *office {
	t.Helper()
	inv, problems := inventory.Parse(t.Context(), map[string][]byte{"c.hcl": []byte(threeHosts)}, inventory.Options{Parts: parts.All()})
	require.False(t, problems.HasErrors(), problems)
	fleet, err := fleettest.New(fleettest.Folder(t), fleettest.Options{})
	require.NoError(t, err)
	t.Cleanup(fleet.Close)
	require.NoError(t, fleet.Boot(inv))
	o := &office{home: t.TempDir(), fleet: fleet}
	folder := filepath.Join(o.home, ".ssh")
	require.NoError(t, os.Mkdir(folder, 0o700))
	key, err := os.ReadFile(fleet.Login())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "id_ed25519"), key, 0o600))
	signer, err := ssh.ParsePrivateKey(key) // any key will do as the bastion's own
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	o.bastion = listener.Addr().String()
	known := knownhosts.Line([]string{knownhosts.Normalize(o.bastion)}, signer.PublicKey()) + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(folder, "known_hosts"), []byte(known), 0o600))
	var all sync.WaitGroup
	all.Go(func() { o.listen(t, listener, signer, &all) })
	t.Cleanup(func() { listener.Close(); fleet.Close(); all.Wait() })
	return o
}

func (o *office) listen(t *testing.T, listener net.Listener, signer ssh.Signer, all *sync.WaitGroup) {
	config := &ssh.ServerConfig{PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, nil }}
	config.AddHostKey(signer)
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		all.Go(func() { o.serve(t, conn, config, all) })
	}
}

func (o *office) serve(t *testing.T, conn net.Conn, config *ssh.ServerConfig, all *sync.WaitGroup) {
	forward(conn, config, func(address string, port uint32) func(ssh.Channel) {
		host, err := o.fleet.Dial(t.Context(), "tcp", net.JoinHostPort(address, fmt.Sprint(port)))
		if err != nil {
			return nil
		}
		return func(channel ssh.Channel) {
			all.Go(func() { _, _ = io.Copy(host, channel); host.Close() })
			all.Go(func() { _, _ = io.Copy(channel, host); channel.Close() })
		}
	})
}

// run starts provision on a terminal, in a folder.
func (o *office) run(t *testing.T, folder string, args ...string) *terminal.Terminal {
	t.Helper()
	program, err := exec.LookPath("provision") // testscript put this very binary there
	require.NoError(t, err)
	cmd := exec.Command(program, args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "HOME="+o.home, "SSH_AUTH_SOCK=", "PROVISION_LAB=", "PROVISION_INVENTORY=")
	return terminal.Start(t, cmd)
}

func TestInitOnATerminal(t *testing.T) {
	o, folder := newOffice(t), t.TempDir()
	x := o.run(t, folder, "init")
	for _, step := range []struct{ question, answer string }{
		{"Name of the cluster: ", "dc1"}, {"Is it test or prod? [test]: ", "prod"}, {"SSH user on the hosts [root]: ", ""},
		{"SSH port [22]: ", "2222222"}, {"SSH port [22]: ", ""}, {"Private key file", ""}, {"Bastion on the way", "root@" + o.bastion},
		{"Hosts: ", "192.0.2.13, 192.0.2.11-12"}, {"More hosts (3 so far", "192.0.2.99"}, {"More hosts (4 so far", "192.0.2.12"}, {"More hosts", ""},
		{"yes, no, or all", "yes"}, {"yes, no, or all", "all"},
		{"192.0.2.99: retry, skip", "drop"},
		{"Role of 192.0.2.13 (m3) [1]: ", ""}, {"Role of 192.0.2.11 (m1) [1]: ", "2"}, {"Role of 192.0.2.12 (m2) [1]: ", "1*"},
		{"Are these names right? [yes]: ", ""}, {"Network of pods [10.32.0.0/12]: ", ""}, {"Network of services [10.96.0.0/16]: ", ""},
		{"Write dc1.hcl? Type yes: ", "yes"},
	} {
		x.Expect(step.question)
		x.Send(step.answer)
	}
	code, output := x.Wait()
	require.Zero(t, code, output)
	assert.Contains(t, output, "192.0.2.11      m1: Debian GNU/Linux 12 (bookworm), amd64")
	assert.Contains(t, output, "given twice, counted once: 192.0.2.12")
	assert.Contains(t, output, "192.0.2.99      FAILED")
	assert.Contains(t, output, "provision apply dc1.hcl")

	file := filepath.Join(folder, "dc1.hcl")
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o644), info.Mode().Perm())
	inv, problems := inventory.Load(t.Context(), inventory.Options{Parts: parts.All(), Paths: []string{file}})
	require.False(t, problems.HasErrors(), problems)
	assert.Len(t, inv.With(inventory.RoleEtcd), 3)
	assert.Len(t, inv.With(inventory.RoleNode), 2)
	known, err := os.ReadFile(filepath.Join(o.home, ".ssh", "known_hosts"))
	require.NoError(t, err)
	assert.Equal(t, 4, strings.Count(string(known), "\n"), "the bastion, and three hosts whose keys were accepted")

	// The file is not replaced by accident.
	before, err := os.ReadFile(file)
	require.NoError(t, err)
	again := []string{"init", "dc1.hcl", "--name", "other", "--hosts", "192.0.2.11", "--environment", "test", "--user", "root", "--port", "22",
		"--identity-file", "~/.ssh/id_ed25519", "--bastion", "root@" + o.bastion, "--pods", "10.32.0.0/12", "--services", "10.96.0.0/16"}
	x = o.run(t, folder, again...)
	x.Expect("Are these names right?")
	x.Send("")
	x.Expect("dc1.hcl exists. Type replace to replace it: ")
	x.Send("yes")
	code, output = x.Wait()
	assert.Equal(t, 1, code)
	assert.Contains(t, output, "Nothing was written")
	after, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(before), string(after))
}

func TestInitMayBeLeftAtAnyQuestion(t *testing.T) {
	o := newOffice(t)
	for _, tt := range []struct {
		name, keys string
		code       int
		says       string
	}{{"Ctrl-C", "\x03", cli.ExitInterrupted, "Interrupted"}, {"Ctrl-D", "\x04", cli.ExitError, "nothing was written"}} {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			answered := []string{"--name", "dc1", "--hosts", "192.0.2.11", "--no-ssh", "--environment", "test"}
			questions := []string{"SSH user on the hosts", "SSH port", "Private key", "Bastion", "Are these names", "Network of pods", "Network of services", "Write dc1.hcl?"}
			for last := range questions {
				x := o.run(t, folder, append([]string{"init"}, answered...)...)
				for i := range last {
					x.Expect(questions[i])
					x.Send("")
				}
				x.Expect(questions[last])
				x.Press(tt.keys)
				code, output := x.Wait()
				assert.Equal(t, tt.code, code, output)
				assert.Contains(t, output, tt.says)
			}
			left, err := os.ReadDir(folder)
			require.NoError(t, err)
			assert.Empty(t, left)
		})
	}
}
