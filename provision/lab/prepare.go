package lab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
)

// tools are the commands the lab runs, and the package of each.
var tools = [...]struct{ command, pkg string }{
	{"systemd-nspawn", "systemd-container"},
	{"mmdebstrap", "mmdebstrap"},
	{"nsenter", "util-linux"},
	{"ssh", "openssh-client"},
}

// missing lists the packages of the tools that look does not find.
func missing(look func(string) (string, error)) []string {
	var pkgs []string
	for _, t := range tools {
		if _, err := look(t.command); err != nil {
			pkgs = append(pkgs, t.pkg)
		}
	}
	return pkgs
}

// Prepare installs what the lab needs of this machine, from the packages of
// its operating system.
func Prepare(ctx context.Context, progress func(string)) error {
	pkgs := missing(exec.LookPath)
	if len(pkgs) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("cannot boot a lab: %v are missing and there is no apt-get; install them by hand", pkgs)
	}
	progress(fmt.Sprintf("installing %v", pkgs))
	install := append([]string{"install", "-y", "-q", "--no-install-recommends"}, pkgs...)
	for _, args := range [][]string{{"update", "-q"}, install} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("running apt-get %v: %w\n%s", args, err, tail(out.Bytes(), 20))
		}
	}
	return nil
}
