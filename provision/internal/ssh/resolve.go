package ssh

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"provision/provision/inventory"
	"provision/provision/secret"
)

// Local is what the operator's own machine contributes to targets.
type Local struct {
	Home   string                           // for ~ and the default keys
	Lookup func(name string) (string, bool) // environment variables, os.LookupEnv
}

// Resolver makes targets of an inventory's hosts.
type Resolver struct {
	local  Local
	ssh    inventory.SSH
	config *config // nil without
}

// The inventory's defaults, filled in where it says nothing: ~/.ssh/config may
// replace them. What differs from them was written by the operator and stays.
const (
	defaultUser  = "root"
	defaultPort  = 22
	defaultKnown = "~/.ssh/known_hosts"
)

// NewResolver reads ~/.ssh/config, if the inventory uses it.
func NewResolver(ssh inventory.SSH, local Local) (*Resolver, error) {
	r := &Resolver{local: local, ssh: ssh}
	if ssh.UseConfig {
		c, err := readConfig(filepath.Join(local.Home, ".ssh", "config"), local.Home)
		if err != nil {
			return nil, fmt.Errorf("%w; repair it, or set use_config = false in the ssh block", err)
		}
		r.config = c
	}
	return r, nil
}

// Target says how to reach one host. The inventory's address is always what is
// dialled; the config is asked for the host's name, then for its address.
func (r *Resolver) Target(h inventory.Host) (Target, error) {
	s := r.ssh
	t := Target{
		Name: h.Name, Port: s.Port, User: s.User, HostKeyPin: h.HostKey, UseAgent: s.UseAgent, Sudo: s.Sudo,
		KnownHosts: s.KnownHosts, IdentityFiles: s.IdentityFiles,
		ConnectTimeout: s.ConnectTimeout, Keepalive: s.Keepalive,
	}
	if h.Address.IsValid() {
		t.Address = h.Address.String()
	}
	if len(h.IdentityFiles) > 0 {
		t.IdentityFiles = h.IdentityFiles
	}
	bastions, err := r.way(h)
	if err != nil {
		return Target{}, err
	}
	for _, b := range bastions {
		t.Hops = append(t.Hops, r.bastion(b))
	}
	if err = r.merge(&t, h); err != nil {
		return Target{}, err
	}
	if h.User != "" {
		t.User = h.User
	}
	if h.Port != 0 {
		t.Port = h.Port
	}
	if t.User == "root" {
		t.Sudo = false
	} else if s.User == "root" {
		t.Sudo = true // the inventory's false was for root
	}
	if t.Address == "" {
		t.Address = h.Name
	}
	t.KnownHosts = r.expandAll(t.KnownHosts, defaultKnown)
	t.IdentityFiles = r.expandAll(t.IdentityFiles, r.defaultKeys()...)
	if err := r.secrets(&t); err != nil {
		return Target{}, err
	}
	return t.withDefaults(), nil
}

// way are the bastions of a host: those of the ssh block, or its own. Of its own
// those that the block lists are used with its keys.
func (r *Resolver) way(h inventory.Host) ([]inventory.Bastion, error) {
	if h.Jump == "" || h.Jump == r.ssh.Jump() {
		return r.ssh.Bastions, nil
	}
	if h.Jump == inventory.NoJump {
		return nil, nil
	}
	var list []inventory.Bastion
	for text := range strings.SplitSeq(h.Jump, ",") {
		hop, err := parseJump(text)
		if err != nil {
			return nil, fmt.Errorf("reading the way to host %s: %w", h.Name, err)
		}
		b := inventory.Bastion{Address: hop.Address, Port: cmp.Or(hop.Port, defaultPort), User: hop.User}
		for _, listed := range r.ssh.Bastions {
			if listed.Address == b.Address && listed.Port == b.Port && listed.User == b.User {
				b = listed
			}
		}
		list = append(list, b)
	}
	return list, nil
}

// merge takes from ~/.ssh/config what the inventory leaves open.
func (r *Resolver) merge(t *Target, h inventory.Host) error {
	if r.config == nil {
		return nil
	}
	entry, err := r.config.entry(h.Name, t.Address)
	if err != nil {
		return fmt.Errorf("reading ~/.ssh/config for %s: %w", h.Name, err)
	}
	if t.Address == "" {
		t.Address = entry.hostName
	}
	if entry.port != 0 && t.Port == defaultPort {
		t.Port = entry.port
	}
	if entry.user != "" && t.User == defaultUser {
		t.User = entry.user
	}
	if len(t.IdentityFiles) == 0 {
		t.IdentityFiles = entry.identityFiles
	}
	if len(entry.knownHosts) > 0 && (len(t.KnownHosts) == 0 || slices.Equal(t.KnownHosts, []string{defaultKnown})) {
		t.KnownHosts = entry.knownHosts
	}
	t.IdentitiesOnly = entry.identitiesOnly
	if len(t.Hops) > 0 {
		return nil
	}
	if entry.proxyCommand {
		return fmt.Errorf("cannot reach %s: ~/.ssh/config has a ProxyCommand for it; write a bastion block or ProxyJump", h.Name)
	}
	t.Hops, err = r.config.hops(entry.proxyJump, 0)
	return err
}

// bastion is a hop of the inventory; its address may be an alias of the config.
func (r *Resolver) bastion(b inventory.Bastion) Hop {
	hop := Hop{Address: b.Address, Port: b.Port, User: b.User, HostKeyPin: b.HostKey}
	if b.IdentityFile != "" {
		hop.IdentityFiles = r.expandAll([]string{b.IdentityFile})
	}
	if r.config == nil {
		return hop
	}
	entry, err := r.config.entry(b.Address, "")
	if err != nil {
		return hop
	}
	if entry.hostName != "" {
		hop.Address = entry.hostName
	}
	if entry.port != 0 && hop.Port == defaultPort {
		hop.Port = entry.port
	}
	if entry.user != "" && hop.User == defaultUser {
		hop.User = entry.user
	}
	if len(hop.IdentityFiles) == 0 {
		hop.IdentityFiles = entry.identityFiles
	}
	return hop
}

// secrets reads passwords from the environment.
func (r *Resolver) secrets(t *Target) error {
	for _, s := range []struct {
		name string
		into *secret.Value
	}{{r.ssh.PasswordEnv, &t.Password}, {r.ssh.SudoPasswordEnv, &t.SudoPassword}} {
		if s.name == "" {
			continue
		}
		value, ok := r.local.Lookup(s.name)
		if !ok {
			return fmt.Errorf("cannot log in to %s: the environment variable %s, named in the ssh block, is not set", t, s.name)
		}
		*s.into = secret.New(value)
	}
	return nil
}

// defaultKeys are the keys that ssh tries, too.
func (r *Resolver) defaultKeys() []string {
	var files []string
	for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
		file := filepath.Join(r.local.Home, ".ssh", name)
		if _, err := os.Stat(file); err == nil {
			files = append(files, file)
		}
	}
	return files
}

func (r *Resolver) expandAll(files []string, otherwise ...string) []string {
	if len(files) == 0 {
		files = otherwise
	}
	out := make([]string, len(files))
	for i, file := range files {
		out[i] = expandHome(file, r.local.Home)
	}
	return out
}

func expandHome(file, home string) string {
	if rest, ok := strings.CutPrefix(file, "~/"); ok {
		return filepath.Join(home, rest)
	}
	return file
}
