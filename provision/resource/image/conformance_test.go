package image_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"provision/provision/internal/system"
	"provision/provision/internal/system/systemfake"
	"provision/provision/resource/image"
	"provision/provision/resource/resourcetest"
)

const reference = "registry.k8s.io/pause:3.10.2"

func remove(host *systemfake.Host, name string) error {
	_, err := host.Runner.Run(context.Background(), system.Command{Argv: []string{"ctr", "--namespace", "k8s.io", "images", "rm", name}})
	return err
}

func TestConformance(t *testing.T) {
	manifest := "sha256:" + strings.Repeat("ab", 32)
	archive := systemfake.Archive(reference, manifest)
	sum := sha256.Sum256(archive)
	spec := image.Spec{SHA256: hex.EncodeToString(sum[:]), Manifest: manifest}
	running := func(images map[string]systemfake.Image) func(*systemfake.Host) error {
		return func(host *systemfake.Host) error {
			_, err := host.PutBlob(archive)
			err = errors.Join(err, host.Put("/run/containerd/containerd.sock", "", 0o600))
			for name, each := range images {
				err = errors.Join(err, host.Commands.SetImage(name, each))
			}
			return errors.Join(err, host.Commands.SetImage("other:1", systemfake.Image{Manifest: "sha256:00"}))
		}
	}
	resourcetest.Run(t,
		resourcetest.Case{Title: "new", Kind: image.Of(), Name: reference, Spec: spec, Setup: running(nil), Drifts: map[string]func(*systemfake.Host) error{
			"deleted": func(host *systemfake.Host) error { return remove(host, reference) },
			"tagged anew": func(host *systemfake.Host) error {
				return host.Commands.SetImage(reference, systemfake.Image{Manifest: "sha256:" + strings.Repeat("cd", 32)})
			},
			"not pinned": func(host *systemfake.Host) error {
				return host.Commands.SetImage(reference, systemfake.Image{Manifest: manifest})
			},
		}},
		resourcetest.Case{Title: "not pinned", Kind: image.Of(), Name: reference, Spec: spec, Setup: running(map[string]systemfake.Image{reference: {Manifest: manifest}})},
		resourcetest.Case{Title: "another", Kind: image.Of(), Name: reference, Spec: spec, NoRestore: true, Setup: running(map[string]systemfake.Image{reference: {Manifest: "sha256:" + strings.Repeat("cd", 32)}})},
	)
}
