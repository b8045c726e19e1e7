package pull

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"provision/provision/bundle"
	"provision/provision/bundle/catalogue"
	"provision/provision/bundle/gobuild"
	"provision/provision/bundle/images"
	"provision/provision/bundle/lock"
	"provision/provision/bundle/store"
)

// fromImage packs an executable as an image.
func (p *puller) fromImage(ctx context.Context, e catalogue.Entry, ref bundle.Ref) (store.Record, error) {
	dir, done, err := p.store.TempDir("image-*")
	if err != nil {
		return store.Record{}, err
	}
	defer done()
	src := e.Image
	executable, from, err := p.executable(ctx, src, ref, dir)
	if err != nil {
		return store.Record{}, err
	}
	img := images.Image{
		Reference: catalogue.Expand(src.Reference, ref), Arch: ref.Arch, Path: src.Path,
		User: src.User, WorkingDir: src.WorkingDir, Ports: src.Ports,
	}
	art := bundle.Artifact{Ref: ref, File: e.Name + ".oci.tar", Format: bundle.OCI, Image: img.Reference}
	path := filepath.Join(dir, art.File)
	if art.Manifest, err = writeImage(path, img, executable); err != nil {
		return store.Record{}, err
	}
	if art.SHA256, art.Size, err = store.HashFile(path); err != nil {
		return store.Record{}, err
	}
	from.Source, from.Origin = "build", img.Reference
	if from.Inputs, err = imageInputs(img, executable); err != nil {
		return store.Record{}, err
	}
	pinned := lock.Output{Artifact: ref.String(), SHA256: art.SHA256, Size: art.Size, Note: "image of one executable"}
	if err := p.pin(ctx, from.Inputs, pinned, from.Modules); err != nil {
		return store.Record{}, err
	}
	if _, _, err := p.store.AddFile(path, art.SHA256); err != nil {
		return store.Record{}, err
	}
	return store.Record{Ref: ref, Artifacts: []bundle.Artifact{art}, Provenance: from}, nil
}

// executable is the program that the image consists of.
func (p *puller) executable(ctx context.Context, src *catalogue.ImageSource, ref bundle.Ref, dir string) ([]byte, store.Provenance, error) {
	if src.C != nil {
		return p.compileC(ctx, src.C, ref, dir)
	}
	base := bundle.Ref{Name: src.Binary, Version: ref.Version, Arch: ref.Arch}
	if err := p.obtain(ctx, base); err != nil {
		return nil, store.Provenance{}, err
	}
	rec, err := p.store.Record(base)
	if err != nil {
		return nil, store.Provenance{}, err
	}
	path, err := p.store.Path(rec.Artifacts[0].SHA256)
	if err != nil {
		return nil, store.Provenance{}, err
	}
	data, err := os.ReadFile(path)
	return data, rec.Provenance, err
}

// compileC builds a C program that lies in the zip of a Go module.
func (p *puller) compileC(ctx context.Context, c *catalogue.CSource, ref bundle.Ref, dir string) ([]byte, store.Provenance, error) {
	from := store.Provenance{VouchedBy: "Go checksum database", Package: c.File, Flags: catalogue.ExpandAll(c.Flags, ref)}
	cc, err := gobuild.Compiler(ref.Arch)
	if err != nil {
		return nil, from, err
	}
	if from.Compiler, err = gobuild.CompilerID(ctx, cc); err != nil {
		return nil, from, err
	}
	p.emit(ref, Building, func(ev *Event) { ev.Source, ev.Text = "build", "downloading "+c.Module })
	src, module, err := p.opts.Builder.ModuleDir(ctx, dir, c.Module, c.ModuleVersion)
	if err != nil {
		return nil, from, err
	}
	if err := p.pins.CheckModule(module.Path+"@"+module.Version, module.Sum); err != nil {
		return nil, from, err
	}
	from.Modules = []store.Module{module}
	out := filepath.Join(dir, "program")
	argv := append(append([]string{}, from.Flags...), "-s", "-o", out, filepath.Base(c.File))
	cmd := exec.CommandContext(ctx, cc, argv...)
	cmd.Dir = filepath.Join(src, filepath.Dir(c.File))
	if msg, err := cmd.CombinedOutput(); err != nil {
		return nil, from, fmt.Errorf("compiling %s: %w: %s", c.File, errors.Join(ctx.Err(), err), strings.TrimSpace(string(msg)))
	}
	data, err := os.ReadFile(out)
	return data, from, err
}

func writeImage(path string, img images.Image, executable []byte) (manifest string, err error) {
	built, err := images.Build(img, executable)
	if err != nil {
		return "", err
	}
	f, err := os.Create(path)
	if err != nil {
		return "", fmt.Errorf("writing image %s: %w", img.Reference, err)
	}
	manifest, err = images.Write(f, img, built)
	return manifest, errors.Join(err, f.Close())
}

func imageInputs(img images.Image, executable []byte) (string, error) {
	sum := sha256.Sum256(executable)
	data, err := json.Marshal(struct {
		Recipe     int
		Image      images.Image
		Executable string
	}{1, img, hex.EncodeToString(sum[:])})
	if err != nil {
		return "", err
	}
	sum = sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}
