package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	stateVersion = 1
	// maxIndex keeps the names of interfaces short.
	maxIndex = 99_999
)

// state is what the lab's folder remembers. It is saved before each act that
// it describes; a process that started but was not recorded yet is found by
// its cgroup.
type state struct {
	Version int         `json:"version"`
	Name    string      `json:"name"`
	ID      string      `json:"id"`
	Created time.Time   `json:"created"`
	User    string      `json:"user"`
	Rootfs  string      `json:"rootfs"`
	Subnets []subnet    `json:"subnets"`
	Hosts   []hostState `json:"hosts"`
	// Ready is set once every host answered.
	Ready bool `json:"ready"`
}

// hostState is one host of the lab.
type hostState struct {
	// Replaced: HostKey was accepted for a machine that replaced another.
	Replaced bool `json:"replaced,omitempty"`

	Name      string     `json:"name"`
	Kind      Kind       `json:"kind"`
	Machine   string     `json:"machine"`
	Address   netip.Addr `json:"address"`
	Port      int        `json:"port"`
	User      string     `json:"user"`
	MachineID string     `json:"machineID"`
	HostKey   string     `json:"hostKey"` // public, "ssh-ed25519 AAAA…"
	Disks     []Disk     `json:"disks,omitempty"`
	VM        *vmState   `json:"vm,omitempty"`
	Process   process    `json:"process"`
}

// process names a process so that a reused pid is never taken for it.
type process struct {
	PID   int    `json:"pid,omitempty"`
	Start uint64 `json:"start,omitempty"` // clock ticks after boot
}

func (s *state) host(name string) (*hostState, error) {
	for i := range s.Hosts {
		if s.Hosts[i].Name == name {
			return &s.Hosts[i], nil
		}
	}
	return nil, fmt.Errorf("cannot find host %q in lab %q: its inventory has no such host", name, s.Name)
}

func statePath(dir string) string { return filepath.Join(dir, "state.json") }

func loadState(dir string) (*state, error) {
	data, err := os.ReadFile(statePath(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("reading the lab's state: %w", err)
	}
	return decodeState(data)
}

func decodeState(data []byte) (*state, error) {
	var s state
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("decoding the lab's state: %w", err)
	}
	if s.Version > stateVersion {
		return nil, fmt.Errorf("cannot use lab %q: a newer provision made it (state version %d, ours is %d); use that one", s.Name, s.Version, stateVersion)
	}
	return &s, nil
}

// check refuses what no lab has written: names of the state become paths and
// arguments of commands that root runs.
func (s *state) check(id string) error {
	if s.Version < 1 || s.ID != id || checkName(s.Name) != nil {
		return errors.New("it is of another lab, or of none")
	}
	names, machines, addresses := map[string]bool{}, map[string]bool{}, map[netip.Addr]bool{}
	for _, h := range s.Hosts {
		switch index, err := strconv.Atoi(strings.TrimPrefix(h.Machine, "h")); {
		case h.Name == "" || h.Name != filepath.Base(h.Name) || !filepath.IsLocal(h.Name):
			return fmt.Errorf("%q is no host's name", h.Name)
		case err != nil || h.Machine != machineName(index) || index < 0 || index > maxIndex:
			return fmt.Errorf("host %s has no number", h.Name)
		case names[h.Name] || machines[h.Machine] || addresses[h.Address]:
			return fmt.Errorf("host %s is there twice", h.Name)
		case !h.Address.IsValid() || h.Address.Zone() != "" || h.Port < 1 || h.Port > 65535:
			return fmt.Errorf("host %s has no address", h.Name)
		case h.Kind != Container && h.Kind != VM || (h.Kind == VM) != (h.VM != nil):
			return fmt.Errorf("host %s is of no kind", h.Name)
		}
		names[h.Name], machines[h.Machine], addresses[h.Address] = true, true, true
	}
	return nil
}

func (s *state) save(dir string) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the lab's state: %w", err)
	}
	return writeFileAtomic(statePath(dir), append(data, '\n'), 0o600)
}

// writeFileAtomic replaces path in one step and syncs it, so that what a
// killed process leaves is the old or the new content.
func writeFileAtomic(path string, data []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
