package lab

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// Command is a command to run as root inside a host, without SSH: for tests
// that look at a host from beside what they test. It takes the host's
// namespaces but not its cgroups. On a virtual machine, it logs in by SSH.
func (l *Lab) Command(ctx context.Context, host string, argv ...string) (*exec.Cmd, error) {
	h, err := l.host(host)
	if err != nil {
		return nil, err
	}
	if h.Kind == VM {
		return l.commandByLogin(ctx, h, argv)
	}
	pid, err := initOf(h.Process)
	if err != nil {
		return nil, fmt.Errorf("cannot run %s on %s: %w", argv[0], host, err)
	}
	// Without setpriv, nsenter would bring along what hosts must not have: the
	// machine's clock and modules.
	args := append([]string{"--bounding-set=-sys_time,-sys_module", "nsenter", "--target", strconv.Itoa(pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
		"--root", "--wd=/", "--"}, argv...)
	cmd := exec.CommandContext(ctx, "setpriv", args...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"}
	return cmd, nil
}

// commandByLogin runs it over SSH, whose far end is a shell that splits words.
func (l *Lab) commandByLogin(ctx context.Context, h hostState, argv []string) (*exec.Cmd, error) {
	if !h.Process.alive() {
		return nil, fmt.Errorf("cannot run %s on %s: the host is off", argv[0], h.Name)
	}
	h.User = "root"
	args := l.sshArgv(h, quoted(argv))
	return exec.CommandContext(ctx, args[0], args[1:]...), nil
}

func quoted(argv []string) []string {
	words := make([]string, len(argv))
	for i, w := range argv {
		words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	return words
}

// Exec runs a command as Command does and returns its output, without the
// newline at the end.
func (l *Lab) Exec(ctx context.Context, host string, argv ...string) (string, error) {
	cmd, err := l.Command(ctx, host, argv...)
	if err != nil {
		return "", err
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("running %s on %s: %w: %s", strings.Join(argv, " "), host, err, tail(stderr.Bytes(), 5))
	}
	return strings.TrimSuffix(stdout.String(), "\n"), nil
}
