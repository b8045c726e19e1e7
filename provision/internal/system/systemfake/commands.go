package systemfake

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const imagesFile = "/var/lib/containerd/fake.json"

// Image is one that containerd lists.
type Image struct{ Manifest, Labels string }

// SetImage makes containerd list an image.
func (r *Runner) SetImage(name string, image Image) error {
	return r.images(func(all map[string]Image) error { all[name] = image; return nil })
}

// Archive is the content of an image archive that the fake ctr understands.
func Archive(name, manifest string) []byte { return []byte(name + " " + manifest) }

func (r *Runner) images(change func(map[string]Image) error) error {
	r.editing.Lock()
	defer r.editing.Unlock()
	all, err := load[map[string]Image](r.root, imagesFile)
	if err != nil {
		return err
	}
	if all == nil {
		all = map[string]Image{}
	}
	if err := change(all); err != nil {
		return err
	}
	return store(r.root, imagesFile, all)
}

func (r *Runner) ctr(argv []string) (string, error) {
	args := argv[4:] // ctr --namespace k8s.io images
	switch args[0] {
	case "ls":
		all, err := load[map[string]Image](r.root, imagesFile)
		name := strings.TrimPrefix(args[1], "name==")
		out := "REF TYPE DIGEST SIZE PLATFORMS LABELS\n"
		if image, ok := all[name]; ok {
			labels := image.Labels
			if labels == "" {
				labels = "-"
			}
			out += name + " application/vnd.oci.image.index.v1+json " + image.Manifest + " 1.0 MiB linux/amd64 " + labels + "\n"
		}
		return out, err
	case "import":
		content, err := os.ReadFile(args[len(args)-1])
		name, manifest, ok := strings.Cut(string(content), " ")
		if err != nil || !ok {
			return "", errors.Join(err, errors.New("unrecognized image format"))
		}
		return "", r.SetImage(name, Image{Manifest: manifest, Labels: option(args, "--label")})
	case "label":
		return "", r.images(func(all map[string]Image) error {
			image := all[args[1]]
			image.Labels = args[2]
			if strings.HasSuffix(args[2], "=") {
				image.Labels = ""
			}
			all[args[1]] = image
			return nil
		})
	case "rm":
		return "", r.images(func(all map[string]Image) error { delete(all, args[1]); return nil })
	}
	return "", fmt.Errorf("no help topic for %q", args[0])
}

// modprobe has the modules that lie in /lib/modules/fake.
func (r *Runner) modprobe(argv []string) (string, error) {
	name := argv[len(argv)-1]
	folder := filepath.Join(r.root, "/sys/module", name)
	if slices.Contains(argv, "-r") {
		return "", os.RemoveAll(folder)
	}
	if _, err := os.Stat(filepath.Join(r.root, "/lib/modules/fake", name)); err != nil {
		return "", fmt.Errorf("FATAL: Module %s not found in directory /lib/modules/fake", name)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	return "", os.WriteFile(filepath.Join(folder, "initstate"), []byte("live\n"), 0o444)
}

// swap edits /proc/swaps as the kernel would.
func (r *Runner) swap(argv []string) (string, error) {
	table := filepath.Join(r.root, "/proc/swaps")
	content, err := os.ReadFile(table)
	if err != nil {
		return "", err
	}
	device := argv[len(argv)-1]
	var kept []string
	found := false
	for _, line := range strings.SplitAfter(string(content), "\n") {
		if strings.HasPrefix(line, device+" ") {
			found = true
			continue
		}
		kept = append(kept, line)
	}
	if argv[0] == "swapoff" && !found {
		return "", fmt.Errorf("%s: swapoff failed: Invalid argument", device)
	}
	out := strings.Join(kept, "")
	if argv[0] == "swapon" {
		priority := option(argv, "--priority")
		if priority == "" {
			priority = "-2"
		}
		out += fmt.Sprintf("%s partition 1048572 0 %s\n", device, priority)
	}
	return "", os.WriteFile(table, []byte(out), 0o444)
}
