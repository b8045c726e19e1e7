package lab

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Replace puts a new, empty machine in the place of a host, as a technician
// does in a rack: name and address stay, machine-id and SSH host key are new,
// the disks are empty. It returns the new key. The lab goes on expecting the old
// one, until AcceptKey.
func (l *Lab) Replace(ctx context.Context, host string) (key string, err error) {
	h, err := l.host(host)
	if err != nil {
		return "", err
	}
	if h.Kind != Container {
		return "", fmt.Errorf("cannot replace host %s: only hosts of kind %q can be replaced, it is of kind %q", host, Container, h.Kind)
	}
	if err := l.PowerCut(ctx, host); err != nil {
		return "", err
	}
	s, err := l.reseed(h)
	if err != nil {
		return "", fmt.Errorf("replacing host %s: %w", host, err)
	}
	dir := l.hostDir(host)
	if err := errors.Join(os.RemoveAll(upperDir(dir)), os.RemoveAll(workDir(dir)), os.RemoveAll(dataDir(dir))); err != nil {
		return "", fmt.Errorf("emptying the disks of host %s: %w", host, err)
	}
	err = l.update(func(st *state) {
		if old, err := st.host(host); err == nil {
			old.MachineID = s.Host.MachineID
		}
	})
	if err == nil {
		err = l.makeHost(ctx, s.Host, s)
	}
	if err != nil {
		return "", err
	}
	return s.HostKey.Public, l.startAll(ctx, func(string) {}, []hostState{s.Host})
}

// reseed is what makes a new machine that host.
func (l *Lab) reseed(h hostState) (seed, error) {
	groups, err := detectCgroups()
	if err != nil {
		return seed{}, err
	}
	acc, err := readAccounts(l.state.Rootfs)
	if err != nil {
		return seed{}, err
	}
	login, err := os.ReadFile(l.SSHFiles().Key + ".pub")
	if err != nil {
		return seed{}, fmt.Errorf("reading the lab's login key: %w", err)
	}
	key, err := newKeyPair("root@" + h.Name)
	if err != nil {
		return seed{}, err
	}
	if h.MachineID, err = newMachineID(); err != nil {
		return seed{}, err
	}
	sub, _ := subnetOf(l.state.Subnets, h.Address)
	return seed{Lab: l.state.Name, Host: h, Users: l.users(), Subnet: sub, CgroupV1: groups.V1, HostKey: key,
		Authorized: strings.TrimSpace(string(login)), Accounts: acc}, nil
}

func newMachineID() (string, error) {
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return "", fmt.Errorf("making a machine id: %w", err)
	}
	return hex.EncodeToString(id[:]), nil
}

// ErrKeyChanged is what AcceptKey says of another key than the recorded one.
var ErrKeyChanged = errors.New("the lab knows another key of the host")

// AcceptKey records the key that a host shows. Another one than the recorded
// one is taken only for a machine that was replaced.
func (l *Lab) AcceptKey(host, key string, replaced bool) error {
	h, err := l.host(host)
	if err != nil {
		return err
	}
	if h.HostKey != key && !replaced {
		return fmt.Errorf("cannot accept the key of host %s: %w; if the machine was replaced, use --replaced", host, ErrKeyChanged)
	}
	err = l.update(func(st *state) {
		if known, err := st.host(host); err == nil {
			known.HostKey, known.Replaced = key, replaced
		}
	})
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return writeFileAtomic(filepath.Join(l.dir, "known_hosts"), knownHosts(l.state.Hosts), 0o644)
}
