package debs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
)

// Unpack hands the files of a package over as a tar archive. Nothing of the
// package runs.
func Unpack(ctx context.Context, file string, take func(io.Reader) error) error {
	cmd := dpkgDeb(ctx, "--fsys-tarfile", file)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("unpacking %s: %w", file, err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("unpacking %s: %w", file, err)
	}
	taken := take(out)
	_, _ = io.Copy(io.Discard, out) // or dpkg-deb would wait for a reader
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("unpacking %s: %w: %s", file, errors.Join(ctx.Err(), taken, err), strings.TrimSpace(stderr.String()))
	}
	return taken
}

// Control is the control paragraph of a package.
func Control(ctx context.Context, file string) (string, error) {
	out, err := dpkgDeb(ctx, "--field", file).Output()
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", file, errors.Join(ctx.Err(), err))
	}
	return string(out), nil
}

func dpkgDeb(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "dpkg-deb", args...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}
