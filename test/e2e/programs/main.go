package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"provision/provision/bundle"
	"provision/provision/bundle/store"
	"provision/provision/inventory"
	"provision/provision/parts"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: programs FOLDER INVENTORY")
		os.Exit(2)
	}
	if err := fill(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "programs:", err)
		os.Exit(1)
	}
}

func fill(folder, file string) error {
	inv, problems := inventory.Load(context.Background(), inventory.Options{Parts: parts.All(), Paths: []string{file}, Env: os.LookupEnv})
	if err := problems.Err(); err != nil {
		return err
	}
	opened, err := store.Open(store.Options{})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("creating the folder: %w", err)
	}
	versions := inv.Cluster.Versions
	for name, version := range map[string]string{
		"etcd": versions.Etcd(), "etcdutl": versions.Etcd(), "kube-apiserver": versions.Kubernetes(), "coredns": versions.Of("coredns"),
	} {
		ref := bundle.Ref{Name: name, Version: version, Arch: runtime.GOARCH}
		artifacts, err := opened.Resolve(ref)
		if err != nil {
			return err
		}
		program, err := opened.Path(artifacts[0].SHA256)
		if err != nil {
			return err
		}
		if err := install(program, filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	return nil
}

// install copies a program: files of the store are not executable. The old one
// is removed first, since it may be running.
func install(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("copying a program: %w", err)
	}
	defer source.Close()
	if err := os.Remove(to); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("replacing a program: %w", err)
	}
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return fmt.Errorf("copying a program: %w", err)
	}
	_, err = io.Copy(target, source)
	if err := errors.Join(err, target.Close()); err != nil {
		return fmt.Errorf("copying a program: %w", err)
	}
	return nil
}
