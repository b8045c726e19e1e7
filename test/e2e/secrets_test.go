//go:build e2e

package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"k8s.io/client-go/tools/clientcmd"

	"provision/test/canary"
	"provision/test/faults"
	"provision/test/terminal"
)

// planted are the canaries, and where an operator keeps them.
type planted struct {
	*cluster
	home                        string
	login, sudo, passphrase     canary.Canary
	fromAge, fromEnv, fromFile  canary.Canary
	wrong, changed, leak        canary.Canary
	set                         *canary.Set
	sampler                     *sampler
	env                         []string
	outputs                     []ran
	inventory, varFile, keyPath string
}

// secrets plants a canary for each kind of secret that provision meets, runs
// the verbs, and searches what they left behind.
func (s *suite) secrets(t *testing.T) {
	c := s.boot(t, "secrets", sample("single.hcl"), extra("shared-kernel.hcl"))
	started := time.Now()
	p := plant(t, c)
	p.findsLeaks(t)
	p.verbs(t)
	p.passphraseAsked(t)
	p.generated(t)
	p.rotated(t)
	p.judge(t, started)
	t.Run("login user", c.loginUserWritesNothing)
}

// plant makes the lab's host a real one that asks for passwords.
func plant(t *testing.T, c *cluster) *planted {
	t.Helper()
	p := &planted{cluster: c, home: t.TempDir(), set: new(canary.Set)}
	for name, to := range map[string]*canary.Canary{
		"SSH password": &p.login, "sudo password": &p.sudo, "passphrase": &p.passphrase, "login from age": &p.fromAge, "login from env": &p.fromEnv,
		"login from file": &p.fromFile, "refused password": &p.wrong, "changed login": &p.changed, "leak": &p.leak,
	} {
		*to = canary.Random(name)
		if to != &p.leak {
			require.NoError(t, p.set.Add(*to))
		}
	}
	c.feed(t, "k1", "root:"+p.sudo.Content+"\nops:"+p.login.Content+"\n", "chpasswd")
	c.feed(t, "k1", "ops ALL=(ALL:ALL) ALL\nDefaults:ops rootpw\n", "sh", "-c", "cat >/etc/sudoers.d/lab-ops")
	c.on(t, "k1", "rm", "/etc/provision-lab")
	c.on(t, "k1", "mv", "/home/ops/.ssh/authorized_keys", "/root/key-of-the-lab")
	identity, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	require.NoError(t, p.set.Add(canary.Canary{Name: "age identity", Content: identity.String()}))
	p.keyPath = p.write(t, "age.txt", identity.String()+"\n")
	p.varFile = p.sealed(t, identity.Recipient(), "from_age = "+quoted(p.fromAge.Content)+"\n")
	text, err := os.ReadFile(extra("secrets.hcl"))
	require.NoError(t, err)
	p.inventory = p.write(t, "inventory.hcl", string(text))
	p.write(t, "login", p.fromFile.Content)
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	p.env = append(os.Environ(), "HOME="+p.home, "SSH_AUTH_SOCK=", "PROVISION_CACHE="+cacheOr(filepath.Join(cache, "provision")),
		"PROVISION_AGE_KEY_FILE="+p.keyPath, "PROVISION_VAR_pin="+c.lab.SSHFiles().Pins["k1"],
		"E2E_SSH_PASSWORD="+p.login.Content, "E2E_SUDO_PASSWORD="+p.sudo.Content, "E2E_LOGIN="+p.fromEnv.Content)
	return p
}

// quoted is an HCL string.
func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

func (p *planted) write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(p.home, name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func (p *planted) sealed(t *testing.T, to age.Recipient, text string) string {
	t.Helper()
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to)
	require.NoError(t, err)
	_, err = w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return p.write(t, "secrets.age", out.String())
}

// feed runs a command on a host with input, so that it is in no argument.
func (c *cluster) feed(t *testing.T, host, input string, argv ...string) {
	t.Helper()
	cmd, err := c.lab.Command(t.Context(), host, argv...)
	require.NoError(t, err)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// real runs a verb as on real hosts, in the lab's network.
func (p *planted) real(t *testing.T, args ...string) ran {
	t.Helper()
	cmd := p.prepared(t, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoError(t, p.sampler.allow(cmd, cmd.Start))
	timer := time.AfterFunc(verbTimeout, func() { _ = cmd.Process.Signal(os.Interrupt) })
	defer timer.Stop()
	_ = cmd.Wait() // the exit code tells
	r := ran{args: args, out: out.String(), err: errs.String(), code: cmd.ProcessState.ExitCode()}
	p.outputs = append(p.outputs, r)
	return r
}

func (p *planted) prepared(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	args = append([]string{"--net=" + p.lab.Netns(), p.bin, "-i", p.inventory, "--var-file", p.varFile}, args...)
	cmd := exec.CommandContext(t.Context(), "nsenter", args...)
	cmd.Env = p.env
	return cmd
}

// findsLeaks makes sure that nothing is found only because nothing is looked
// for: it leaks a canary of its own in every place and encoding.
func (p *planted) findsLeaks(t *testing.T) {
	t.Helper()
	only := new(canary.Set)
	require.NoError(t, only.Add(p.leak))
	s, stop := watch(t, only)
	cmd, err := p.lab.Command(t.Context(), "k1", "sh", "-c", "sleep 5; :", p.leak.Content)
	require.NoError(t, err)
	cmd.Env = append(cmd.Env, "LEAK="+base64.StdEncoding.EncodeToString([]byte("ab"+p.leak.Content)))
	require.NoError(t, cmd.Run())
	stop()
	hits, _, _ := s.found()
	assert.Contains(t, strings.Join(hits, "\n"), "arguments of sh: leak as itself")
	assert.Contains(t, strings.Join(hits, "\n"), "environment of sh: leak as base64 after 2 bytes")

	var leaks []string
	for name, form := range canary.Forms(p.leak.Content) {
		path := "/var/tmp/leak-" + strings.ReplaceAll(name, " ", "-")
		p.feed(t, "k1", "x"+form+"x", "sh", "-c", `umask 022; cat >"$0"`, path)
		leaks = append(leaks, path)
	}
	p.feed(t, "k1", p.leak.Content+"\n", "systemd-cat", "-t", "leak")
	p.feed(t, "k1", p.leak.Content, "sh", "-c", "umask 077; cat >/root/leak")
	p.on(t, "k1", "journalctl", "--sync")
	found := p.search(t, "k1", only)
	for _, path := range leaks {
		assert.Contains(t, strings.Join(found.open, "\n"), path)
	}
	assert.Contains(t, found.closed, "/root/leak")
	assert.Positive(t, found.lines)
	p.on(t, "k1", append([]string{"rm", "/root/leak"}, leaks...)...)

	p.write(t, "leak", fmt.Sprintf("%x", p.leak.Content))
	mine, _ := here(t, only, time.Time{}, p.home)
	assert.Len(t, mine, 1)
	p.sampler, _ = watch(t, p.set)
}

// verbs runs what there is, and what fails.
func (p *planted) verbs(t *testing.T) {
	t.Helper()
	ok := func(args ...string) ran {
		t.Helper()
		r := p.real(t, args...)
		require.Zero(t, r.code, "%s", r.all())
		return r
	}
	ok("validate")
	ok("validate", "--json")
	r := ok("plan", "-v")
	assert.Contains(t, r.out, "(new secret)")
	ok("plan", "--json")
	ok("plan", "--out", filepath.Join(p.home, "new.plan"))

	right := p.env
	p.env = append(p.env[:len(p.env):len(p.env)], "E2E_SUDO_PASSWORD="+p.wrong.Content)
	r = p.real(t, "plan")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.err, "sudo password was refused")
	p.env = append(right[:len(right):len(right)], "E2E_SSH_PASSWORD="+p.wrong.Content)
	r = p.real(t, "plan", "--json")
	assert.Equal(t, 1, r.code)
	p.env = right

	const inTheWay = "/etc/containerd/certs.d/docker.io/hosts.toml"
	p.on(t, "k1", "mkdir", "-p", inTheWay)
	began := time.Now()
	r = p.real(t, "apply", "--yes")
	assert.Equal(t, 1, r.code, "%s", r.all())
	assert.Contains(t, r.out+r.err, "is a directory", "%s", r.all())
	p.seconds(t, "apply with a folder in a file's way", time.Since(began))
	p.on(t, "k1", "rmdir", inTheWay)
	ok("apply", "--yes", "--json")
	ok("apply", "--yes")
	for _, args := range [][]string{
		{"status"}, {"status", "--json"}, {"plan", "--json"}, {"kubeconfig", "--out", filepath.Join(p.home, "kubeconfig")},
	} {
		ok(args...)
	}
	for _, args := range [][]string{
		{"doctor"}, {"doctor", "--json"}, {"doctor", "k1"}, {"logs", "k1", "kubelet.service"}, {"logs", "k1", "containerd.service"},
		{"support", "--out", filepath.Join(p.home, "support.tar.gz")}, {"history"}, {"preflight"}, {"preflight", "--json"},
	} {
		if exec.CommandContext(t.Context(), p.bin, args[0], "--help").Run() == nil {
			p.real(t, args...) // how well they work is tested elsewhere
		}
	}
}

// passphraseAsked logs in with an encrypted key, on a terminal.
func (p *planted) passphraseAsked(t *testing.T) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte(p.passphrase.Content))
	require.NoError(t, err)
	key := p.write(t, "id", string(pem.EncodeToMemory(block)))
	authorized, err := ssh.NewPublicKey(public)
	require.NoError(t, err)
	p.feed(t, "k1", string(ssh.MarshalAuthorizedKey(authorized)), "sh", "-c", "umask 077; cat >/home/ops/.ssh/authorized_keys; chown ops: /home/ops/.ssh/authorized_keys")
	text, err := os.ReadFile(p.inventory)
	require.NoError(t, err)
	before := p.inventory
	p.inventory = p.write(t, "by-key.hcl", strings.Replace(string(text), `password_env      = "E2E_SSH_PASSWORD"`, "identity_files = ["+quoted(key)+"]", 1))
	cmd := p.prepared(t, "plan")
	var x *terminal.Terminal
	require.NoError(t, p.sampler.allow(cmd, func() error { x = terminal.Start(t, cmd); return nil }))
	x.Expect("Passphrase of")
	x.Send(p.passphrase.Content)
	code, output := x.Wait()
	assert.Zero(t, code, "%s", output)
	assert.Contains(t, output, "Nothing changes")
	p.outputs = append(p.outputs, ran{args: []string{"plan, on a terminal"}, out: output})
	p.inventory = before
}

// generated adds the keys that the cluster made.
func (p *planted) generated(t *testing.T) {
	t.Helper()
	for _, name := range []string{"cluster.key", "front-proxy.key", "sa.key", "etcd.key"} {
		p.addKey(t, name, []byte(p.on(t, "k1", "cat", "/var/lib/provision/identity/"+name)))
	}
	encryption := p.on(t, "k1", "cat", "/var/lib/provision/identity/encryption.yaml")
	found := regexp.MustCompile(`secret: (\S+)`).FindStringSubmatch(encryption)
	require.Len(t, found, 2)
	key, err := base64.StdEncoding.DecodeString(found[1])
	require.NoError(t, err)
	require.NoError(t, p.set.Add(canary.Canary{Name: "encryption key", Content: string(key)}))
	config, err := clientcmd.LoadFromFile(filepath.Join(p.home, "kubeconfig"))
	require.NoError(t, err)
	for _, user := range config.AuthInfos {
		p.addKey(t, "kubeconfig", user.ClientKeyData)
	}
	// The kubeconfig is where its key belongs; everything else is searched.
	require.NoError(t, os.Rename(filepath.Join(p.home, "kubeconfig"), filepath.Join(t.TempDir(), "kubeconfig")))
}

// addKey adds the private number, in two parts: the lines of PEM cut it.
func (p *planted) addKey(t *testing.T, name string, text []byte) {
	t.Helper()
	block, _ := pem.Decode(text)
	require.NotNil(t, block, name)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	require.NoError(t, err)
	key, ok := parsed.(*ecdsa.PrivateKey)
	require.True(t, ok)
	number, err := key.Bytes()
	require.NoError(t, err)
	require.NoError(t, p.set.Add(canary.Canary{Name: name, Content: string(number[:12])}, canary.Canary{Name: name, Content: string(number[12:])}))
}

// rotated changes a login: the plan shows that, and the old one is gone.
func (p *planted) rotated(t *testing.T) {
	t.Helper()
	p.env = append(p.env, "E2E_LOGIN="+p.changed.Content)
	saved := filepath.Join(p.home, "changed.plan")
	r := p.real(t, "plan", "--out", saved)
	require.Zero(t, r.code, "%s", r.all())
	assert.Regexp(t, `content: secret [0-9a-f]{12} → secret [0-9a-f]{12}`, r.out)
	r = p.real(t, "apply", saved)
	require.Zero(t, r.code, "%s", r.all())
	r = p.real(t, "plan", "--detailed-exitcode")
	assert.Zero(t, r.code, "%s", r.all())
}

// mayHold are the files, of root's alone, in which secrets live on a master.
func mayHold() *regexp.Regexp {
	return regexp.MustCompile(`^/(var/lib/provision/identity/|etc/kubernetes/|etc/containerd/certs\.d/docker\.io/hosts\.toml$|etc/etcd/)`)
}

func (p *planted) judge(t *testing.T, started time.Time) {
	t.Helper()
	hits, programs, processes := p.sampler.found()
	assert.Empty(t, hits)
	for _, name := range []string{"sudo", "kube-apiserver", "etcd", "kubelet"} {
		assert.Contains(t, programs, name, "the sampler saw it")
	}
	assert.Regexp(t, `\b[0-9a-f]{64}\b`, programs, "the sampler saw the agent, which is called by its hash")
	for _, r := range p.outputs {
		assert.Empty(t, p.set.Find([]byte(r.out+r.err)), "output of %v", r.args)
	}
	found := p.search(t, "k1", p.set)
	assert.Empty(t, found.open)
	assert.Zero(t, found.lines, "lines of the journal")
	for _, path := range found.closed {
		assert.Regexp(t, mayHold(), path)
	}
	assert.NotEmpty(t, found.closed, "the keys are where they belong, and are found there")
	gone := new(canary.Set)
	require.NoError(t, gone.Add(p.fromEnv))
	old := p.search(t, "k1", gone)
	assert.Empty(t, append(old.open, old.closed...), "a login that was replaced")

	given := map[string]bool{"login": true, "age.txt": true, "inventory.hcl": true, "id": true}
	require.NoError(t, os.Remove(filepath.Join(p.home, "leak")))
	for name := range given {
		require.NoError(t, os.Remove(filepath.Join(p.home, name)))
	}
	mine, files := here(t, p.set, started, p.home, "/var/lib/provision-lab/"+p.name, cacheFolder(t))
	assert.Empty(t, mine)
	p.note(t, "searched", "%d outputs, %d processes, %d files", len(p.outputs), processes, found.files+files)
	faults.Record(t, "secret-canaries",
		"No secret in outputs, plans, arguments, environments, the journal or files that others than root may read",
		"Canaries for SSH and sudo passwords, a passphrase, logins from age, env() and file(), the cluster's keys and the kubeconfig's; the verbs, failing runs too, with all processes sampled every 15 ms",
		"%d canaries in %d encodings; %d outputs, %d processes, %d files on the host, %d on the operator's side: 0 hits; a planted leak was found in each of %d forms",
		len(p.set.Names()), p.set.Len(), len(p.outputs), processes, found.files, files, len(canary.Forms(p.leak.Content)))
}

func cacheFolder(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	return cacheOr(filepath.Join(cache, "provision"))
}
