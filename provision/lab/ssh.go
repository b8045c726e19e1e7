package lab

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
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

// SSH is OpenSSH's client to a host of the lab. With no argv it opens a shell.
func (l *Lab) SSH(ctx context.Context, host string, argv ...string) (*exec.Cmd, error) {
	h, err := l.host(host)
	if err != nil {
		return nil, err
	}
	args := l.sshArgv(h, argv)
	return exec.CommandContext(ctx, args[0], args[1:]...), nil
}

// shellLimit bounds how long a login shell may take until it runs a command.
const shellLimit = 30 * time.Second

// Answers reports an error if the login shell of a host runs nothing: its start-up
// files may wait for ever, and whoever logs in with them.
func (l *Lab) Answers(ctx context.Context, host string) error {
	return l.answers(ctx, host, shellLimit)
}

func (l *Lab) answers(ctx context.Context, host string, limit time.Duration) error {
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd, err := l.SSH(within, host, "true")
	if err != nil {
		return err
	}
	if _ = cmd.Run(); within.Err() == nil || ctx.Err() != nil {
		return ctx.Err() // what is wrong with the login itself, the login says
	}
	return fmt.Errorf("cannot log in to %s: its login shell ran nothing within %s; look at what its start-up files (.bashrc, .profile) run: provision lab ssh --console %s", host, limit, host)
}

// Console is Command on a container, with a shell as the usual argv. It reads no
// start-up files.
func (l *Lab) Console(ctx context.Context, host string, argv ...string) (*exec.Cmd, error) {
	h, err := l.host(host)
	if err != nil {
		return nil, err
	}
	if h.Kind == VM {
		return nil, fmt.Errorf("cannot open a console of %s: it is a virtual machine; leave --console out to log in", host)
	}
	if len(argv) == 0 {
		argv = []string{"bash", "--norc", "--noprofile"}
	}
	return l.Command(ctx, host, argv...)
}

func (l *Lab) sshArgv(h hostState, argv []string) []string {
	files := l.SSHFiles()
	cmd := []string{"nsenter", "--net=" + l.Netns(), "ssh", "-F", "none", "-i", files.Key, "-o", "IdentitiesOnly=yes",
		"-o", "UserKnownHostsFile=" + files.KnownHosts, "-o", "GlobalKnownHostsFile=none", "-o", "StrictHostKeyChecking=yes",
		"-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=15", // a dead link ends it
		"-o", "LogLevel=ERROR", "-p", strconv.Itoa(h.Port), h.User + "@" + h.Address.String()}
	if len(argv) > 0 {
		cmd = append(append(cmd, "--"), argv...)
	}
	return cmd
}
