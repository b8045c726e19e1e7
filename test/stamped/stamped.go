package stamped

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"provision/provision/bundle"
	"provision/provision/bundle/store"
)

// Build is a program of the store, and the version that it is to say. What is
// exchanged is equally long.
type Build struct{ Program, From, To string }

// Kubernetes are the builds of all programs of Kubernetes.
func Kubernetes(from, to string) []Build {
	var list []Build
	for _, program := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl"} {
		list = append(list, Build{program, from, to})
	}
	return list
}

// Etcd are the builds of all programs of etcd.
func Etcd(from, to string) []Build {
	return []Build{{"etcd", from, to}, {"etcdctl", from, to}, {"etcdutl", from, to}}
}

// Store makes a store in an empty folder: what the usual one has, and the builds.
func Store(dir string, builds ...Build) error {
	cache, err := store.DefaultDir()
	if err != nil {
		return err
	}
	whole, err := store.Open(store.Options{})
	if err != nil {
		return err
	}
	own, err := store.Open(store.Options{Dir: dir})
	if err != nil {
		return err
	}
	records, err := whole.List()
	if err != nil {
		return err
	}
	for _, r := range records {
		if err := carry(whole, own, r); err != nil {
			return fmt.Errorf("copying %s: %w", r.Ref, err)
		}
	}
	for _, b := range builds {
		if err := stamp(whole, own, b); err != nil {
			return fmt.Errorf("stamping %s: %w", b.Program, err)
		}
	}
	// Labs keep their root file system, and themselves, beside the store.
	return os.Symlink(filepath.Join(cache, "lab"), filepath.Join(dir, "lab"))
}

func carry(whole, own *store.Store, r store.Record) error {
	for _, a := range r.Artifacts {
		blob, err := whole.Open(a.SHA256)
		if err != nil {
			return err
		}
		_, _, err = own.Add(blob, a.SHA256)
		_ = blob.Close()
		if err != nil {
			return err
		}
	}
	return own.Put(r)
}

func stamp(whole, own *store.Store, b Build) error {
	found, err := whole.Resolve(bundle.Ref{Name: b.Program, Version: b.From, Arch: runtime.GOARCH})
	if err != nil {
		return fmt.Errorf("%w; pull the artifacts first: provision bundle pull", err)
	}
	path, err := whole.Path(found[0].SHA256)
	if err != nil {
		return err
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if len(b.From) != len(b.To) || !bytes.Contains(program, []byte(b.From)) {
		return fmt.Errorf("%s cannot become %s there", b.From, b.To)
	}
	digest, size, err := own.Add(bytes.NewReader(bytes.ReplaceAll(program, []byte(b.From), []byte(b.To))), "")
	if err != nil {
		return err
	}
	ref := bundle.Ref{Name: b.Program, Version: b.To, Arch: runtime.GOARCH}
	return own.Put(store.Record{Ref: ref, Provenance: store.Provenance{Source: "build"},
		Artifacts: []bundle.Artifact{{Ref: ref, File: b.Program, Format: bundle.Binary, SHA256: digest, Size: size}}})
}
