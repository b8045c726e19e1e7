package lab

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unicode"

	"golang.org/x/sys/unix"
)

// DefaultSuite is the Debian release of lab hosts.
const DefaultSuite = "bookworm"

// packages are what a fresh server has. What provision installs must never be
// among them.
const packages = "systemd,systemd-sysv,dbus,openssh-server,sudo,iproute2"

// perHost is removed from the shared root file system: every host has its own,
// or does without.
var perHost = [...]string{
	"etc/ssh/ssh_host_*", "etc/machine-id", "var/lib/dbus/machine-id",
	"etc/hostname", "etc/resolv.conf", "var/log/journal",
}

// rootfsArgv is how the shared root file system is made: one of containers, and
// one of virtual machines with a kernel.
func rootfsArgv(kind Kind, suite, dir string) []string {
	if kind == VM {
		return []string{"mmdebstrap", "--quiet", "--variant=minbase", "--include=" + packages + "," + kernelPackages,
			"--customize-hook=" + kernelHook, suite, dir}
	}
	return []string{"mmdebstrap", "--quiet", "--variant=minbase", "--include=" + packages, suite, dir}
}

func rootfsPath(cache string, kind Kind, suite string) string {
	sum := sha256.Sum256([]byte(strings.Join(append(rootfsArgv(kind, suite, ""), perHost[:]...), "\x00")))
	name := "rootfs-"
	if kind == VM {
		name = "rootfs-vm-"
	}
	return filepath.Join(cache, "lab", name+suite+"-"+hex.EncodeToString(sum[:])[:12])
}

// defaultCache is the operator's cache folder.
func defaultCache() (string, error) {
	if dir := os.Getenv("PROVISION_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the cache folder: %w; set PROVISION_CACHE", err)
	}
	return filepath.Join(dir, "provision"), nil
}

// makeRootfs returns the shared root file system, building it at its first
// use. It is built beside its place and renamed, under a lock that lets two
// labs wait for one build.
func makeRootfs(ctx context.Context, cache string, kind Kind, suite string, progress func(string)) (string, error) {
	path := rootfsPath(cache, kind, suite)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", fmt.Errorf("creating the cache folder: %w", err)
	}
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", fmt.Errorf("locking the root file system's cache: %w", err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return "", fmt.Errorf("locking the root file system's cache: %w", err)
	}
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	progress(fmt.Sprintf("building the root file system of %s hosts (%s; once, about a minute)", suite, kind))
	part := path + ".part" // what a killed build left is thrown away
	if err := os.RemoveAll(part); err != nil {
		return "", fmt.Errorf("removing an unfinished root file system: %w", err)
	}
	if err := buildRootfs(ctx, kind, suite, part); err != nil {
		return "", errors.Join(err, os.RemoveAll(part))
	}
	if err := os.Rename(part, path); err != nil {
		return "", fmt.Errorf("finishing the root file system: %w", err)
	}
	return path, nil
}

func buildRootfs(ctx context.Context, kind Kind, suite, dir string) error {
	argv := rootfsArgv(kind, suite, dir)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) } // it stops its children
	cmd.WaitDelay = 10 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("building a %s root file system with mmdebstrap: %w\n%s", suite, err, tail(out.Bytes(), 20))
	}
	for _, pattern := range perHost {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return fmt.Errorf("cleaning the root file system: %w", err)
		}
		for _, f := range files {
			if err := os.RemoveAll(f); err != nil {
				return fmt.Errorf("cleaning the root file system: %w", err)
			}
		}
	}
	return nil
}

// terminalCodes are colours, cursor movements and titles.
var terminalCodes = regexp.MustCompile(`\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[ -/]*[0-~])`)

// tail is pure: the last lines of what a program or a console said, without
// what only a terminal understands.
func tail(text []byte, lines int) string {
	plain := terminalCodes.ReplaceAllString(strings.ToValidUTF8(string(text), ""), "")
	plain = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return -1
	}, plain)
	all := strings.Split(strings.TrimRight(plain, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
