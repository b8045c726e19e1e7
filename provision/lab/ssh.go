package lab

import (
	"path/filepath"
	"strconv"
)

// SSHFiles are what an SSH client needs to reach the lab's hosts.
type SSHFiles struct {
	Key        string            // private key file
	KnownHosts string            // known_hosts file
	Pins       map[string]string // host key by host name, "ssh-ed25519 AAAA…"
}

// SSHFiles returns the lab's own key and pins, in its state folder.
func (l *Lab) SSHFiles() SSHFiles {
	files := SSHFiles{Key: filepath.Join(l.dir, "id_ed25519"), KnownHosts: filepath.Join(l.dir, "known_hosts"), Pins: map[string]string{}}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.state.Hosts {
		files.Pins[h.Name] = h.HostKey
	}
	return files
}

// SSHCommand is the command line of OpenSSH's client to a host of the lab,
// to be run as root on this machine. With no argv it opens a shell.
func (l *Lab) SSHCommand(host string, argv []string) ([]string, error) {
	h, err := l.host(host)
	if err != nil {
		return nil, err
	}
	return l.sshArgv(h, argv), nil
}

func (l *Lab) sshArgv(h hostState, argv []string) []string {
	files := l.SSHFiles()
	cmd := []string{"nsenter", "--net=" + l.Netns(), "ssh", "-F", "none", "-i", files.Key, "-o", "IdentitiesOnly=yes",
		"-o", "UserKnownHostsFile=" + files.KnownHosts, "-o", "GlobalKnownHostsFile=none", "-o", "StrictHostKeyChecking=yes",
		"-o", "LogLevel=ERROR", "-p", strconv.Itoa(h.Port), h.User + "@" + h.Address.String()}
	if len(argv) > 0 {
		cmd = append(append(cmd, "--"), argv...)
	}
	return cmd
}
