package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// seedFile is a file that a host has besides the shared root file system. A
// link has a Target instead of Data.
type seedFile struct {
	Path   string
	Mode   fs.FileMode
	Owner  int
	Data   string
	Target string
}

// seed is what makes a host that host.
type seed struct {
	Lab        string
	Host       hostState
	Users      []string // log in by key; those other than root with sudo
	Subnet     subnet
	CgroupV1   []hierarchy
	HostKey    keyPair
	Authorized string // the client's public key
	Accounts   accounts
}

const unitPath = "/etc/systemd/system/lab-host.service"

// firstUID is where Debian starts numbering people.
const firstUID = 1000

func (s seed) files() []seedFile {
	files := []seedFile{
		{Path: "/etc/provision-lab", Mode: 0o644, Data: s.Lab + "\n"},
		{Path: "/etc/hostname", Mode: 0o644, Data: s.Host.Name + "\n"},
		{Path: "/etc/machine-id", Mode: 0o444, Data: s.Host.MachineID + "\n"},
		{Path: "/etc/hosts", Mode: 0o644, Data: "127.0.0.1\tlocalhost\n127.0.1.1\t" + s.Host.Name + "\n::1\tlocalhost ip6-localhost ip6-loopback\n"},
		// Nothing answers there, and says so at once: lookups fail fast.
		{Path: "/etc/resolv.conf", Mode: 0o644, Data: "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"},
		{Path: "/var/log/journal", Mode: fs.ModeDir | 0o755},
		{Path: "/etc/ssh/ssh_host_ed25519_key", Mode: 0o600, Data: string(s.HostKey.Private)},
		{Path: "/etc/ssh/ssh_host_ed25519_key.pub", Mode: 0o644, Data: s.HostKey.Public + "\n"},
		{Path: "/etc/ssh/sshd_config.d/lab.conf", Mode: 0o644,
			Data: fmt.Sprintf("HostKey /etc/ssh/ssh_host_ed25519_key\nPort %d\n", s.Host.Port)},
		{Path: unitPath, Mode: 0o644, Data: s.unit()},
		{Path: "/etc/systemd/system/sysinit.target.wants/lab-host.service", Mode: fs.ModeSymlink, Target: unitPath},
		{Path: "/root", Mode: fs.ModeDir | 0o700},
		{Path: "/root/.ssh", Mode: fs.ModeDir | 0o700},
		{Path: "/root/.ssh/authorized_keys", Mode: 0o600, Data: s.Authorized + "\n"},
	}
	if s.Host.Kind == VM {
		files = append(files, vmFiles()...)
	}
	return append(files, s.people()...)
}

// people are the accounts other than root.
func (s seed) people() []seedFile {
	var files []seedFile
	acc, uid := s.Accounts, firstUID
	for _, u := range s.Users {
		if u == "root" {
			continue
		}
		acc = acc.with(u, uid)
		home := "/home/" + u
		files = append(files,
			seedFile{Path: home, Mode: fs.ModeDir | 0o755, Owner: uid},
			seedFile{Path: home + "/.ssh", Mode: fs.ModeDir | 0o700, Owner: uid},
			seedFile{Path: home + "/.ssh/authorized_keys", Mode: 0o600, Owner: uid, Data: s.Authorized + "\n"},
			seedFile{Path: "/etc/sudoers.d/lab-" + u, Mode: 0o440, Data: u + " ALL=(ALL:ALL) NOPASSWD: ALL\n"})
		uid++
	}
	if len(files) == 0 {
		return nil
	}
	return append(files,
		seedFile{Path: "/etc/passwd", Mode: 0o644, Data: acc.passwd},
		seedFile{Path: "/etc/group", Mode: 0o644, Data: acc.group},
		seedFile{Path: "/etc/shadow", Mode: 0o640, Data: acc.shadow})
}

// accounts are the account files of the shared root file system.
type accounts struct{ passwd, group, shadow string }

func readAccounts(root string) (accounts, error) {
	var a accounts
	for name, to := range map[string]*string{"passwd": &a.passwd, "group": &a.group, "shadow": &a.shadow} {
		data, err := os.ReadFile(filepath.Join(root, "etc", name))
		if err != nil {
			return a, fmt.Errorf("reading accounts: %w", err)
		}
		*to = string(data)
	}
	return a, nil
}

func (a accounts) with(user string, uid int) accounts {
	a.passwd += fmt.Sprintf("%s:x:%d:%d::/home/%s:/bin/bash\n", user, uid, uid, user)
	a.group += fmt.Sprintf("%s:x:%d:\n", user, uid)
	a.shadow += user + ":*:20000:0:99999:7:::\n" // no password, key only
	return a
}

// unit does at boot what a real host's network configuration does, and opens
// the cgroups that systemd-nspawn mounts read-only.
func (s seed) unit() string {
	link, v1 := "host0", s.CgroupV1
	if s.Host.Kind == VM {
		link, v1 = "eth0", nil
	}
	var b strings.Builder
	b.WriteString("[Unit]\nDescription=Address and cgroups of a lab host\nDefaultDependencies=no\nBefore=sysinit.target network.target\n\n[Service]\nType=oneshot\nRemainAfterExit=yes\n")
	exec := func(argv ...string) { b.WriteString("ExecStart=" + strings.Join(argv, " ") + "\n") }
	for _, h := range v1 {
		exec("mount", "-o", "remount,bind,rw", h.Mount)
	}
	addr := fmt.Sprintf("%s/%d", s.Host.Address, s.Subnet.Prefix.Bits())
	if s.Host.Address.Is6() {
		exec("ip", "address", "add", addr, "dev", link, "nodad")
	} else {
		exec("ip", "address", "add", addr, "dev", link)
	}
	exec("ip", "link", "set", link, "up")
	exec("ip", "route", "add", "default", "via", s.Subnet.Gateway.String(), "dev", link)
	return b.String()
}

// write puts the files into root.
func writeSeed(root string, files []seedFile) error {
	for _, f := range files {
		path := filepath.Join(root, f.Path)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		switch {
		case err != nil:
		case f.Mode.IsDir():
			err = errors.Join(os.MkdirAll(path, 0o755), os.Chmod(path, f.Mode.Perm()))
		case f.Mode&fs.ModeSymlink != 0:
			err = os.Symlink(f.Target, path)
		default:
			err = errors.Join(os.WriteFile(path, []byte(f.Data), 0o600), os.Chmod(path, f.Mode.Perm()))
		}
		if err == nil && f.Owner != 0 {
			err = os.Lchown(path, f.Owner, f.Owner)
		}
		if err != nil {
			return fmt.Errorf("writing %s of the host: %w", f.Path, err)
		}
	}
	return nil
}
