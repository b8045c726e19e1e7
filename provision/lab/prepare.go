package lab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
)

// tools are the commands that every lab runs, and the package of each.
var tools = [...]tool{
	{"systemd-nspawn", "systemd-container"},
	{"mmdebstrap", "mmdebstrap"},
	{"nsenter", "util-linux"},
	{"ssh", "openssh-client"},
}

// tool is a command and the package that has it.
type tool struct{ command, pkg string }

// tools are the commands that a lab of these options runs.
func (o *Options) tools() []tool {
	wanted := tools[:]
	if o.has(VM) {
		wanted = append(slices.Clone(wanted), tool{qemu, "qemu-system-x86"}, tool{"mke2fs", "e2fsprogs"})
	}
	if len(o.Disks) > 0 {
		wanted = append(slices.Clone(wanted), tool{"mke2fs", "e2fsprogs"})
	}
	return wanted
}

// missing lists the packages of the tools that look does not find.
func missing(wanted []tool, look func(string) (string, error)) []string {
	var pkgs []string
	for _, t := range wanted {
		if _, err := look(t.command); err != nil {
			pkgs = append(pkgs, t.pkg)
		}
	}
	return pkgs
}

// prepare installs what the lab needs of this machine, from the packages of
// its operating system.
func prepare(ctx context.Context, progress func(string), wanted []tool) error {
	pkgs := missing(wanted, exec.LookPath)
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
