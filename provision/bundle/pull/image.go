package pull

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"provision/provision/bundle"
	"provision/provision/bundle/catalogue"
	"provision/provision/bundle/images"
	"provision/provision/bundle/lock"
	"provision/provision/bundle/store"
)

// imageRecipe is raised when images are put together in another way.
const imageRecipe = 2

// assembly is an image in the making: its layers and what they were made of.
type assembly struct {
	dir    string
	layers []*images.Layer
	// Parts are the inputs: KIND NAME SHA256, in order.
	Parts []string
	from  store.Provenance
}

func (a *assembly) part(kind, name, digest string) {
	a.Parts = append(a.Parts, kind+" "+name+" "+digest)
}

// owes adds what a part came from to the image's own provenance.
func (a *assembly) owes(from store.Provenance) {
	for _, m := range from.Modules {
		if !slices.Contains(a.from.Modules, m) {
			a.from.Modules = append(a.from.Modules, m)
		}
	}
	switch voucher := from.VouchedBy; {
	case a.from.VouchedBy == "":
		a.from.VouchedBy = voucher
	case !strings.Contains(a.from.VouchedBy, voucher):
		a.from.VouchedBy += ", " + voucher
	}
	a.from.Compiler = cmp.Or(a.from.Compiler, from.Compiler)
	a.from.Go = cmp.Or(a.from.Go, from.Go)
}

// layer packs a tree as the next layer.
func (a *assembly) layer(fill func(*images.Tree) error) error {
	tree, err := images.NewTree(a.dir)
	if err != nil {
		return err
	}
	err = fill(tree)
	if err == nil {
		var layer *images.Layer
		layer, err = tree.Layer(a.dir)
		a.layers = append(a.layers, layer)
	}
	return errors.Join(err, tree.Close())
}

// fromImage puts an image together.
func (p *puller) fromImage(ctx context.Context, e catalogue.Entry, ref bundle.Ref) (store.Record, error) {
	dir, done, err := p.store.TempDir("image-*")
	if err != nil {
		return store.Record{}, err
	}
	defer done()
	src := e.Image
	a := &assembly{dir: dir}
	if src.Root != nil {
		err = p.addRoot(ctx, a, src.Root, ref)
	}
	if err == nil && src.Jars != nil {
		err = p.addJars(ctx, a, src.Jars, ref)
	}
	if err == nil && len(src.Programs) > 0 {
		err = p.addPrograms(ctx, a, src.Programs, ref)
	}
	if err != nil {
		return store.Record{}, err
	}
	img := images.Image{
		Reference: catalogue.Expand(src.Reference, ref), Arch: ref.Arch, Entrypoint: src.Entrypoint,
		User: src.User, WorkingDir: src.WorkingDir, Ports: src.Ports, Env: catalogue.ExpandAll(src.Env, ref),
	}
	if img.Entrypoint == nil && len(src.Programs) > 0 {
		img.Entrypoint = []string{"/" + src.Programs[0].Path}
	}
	built, err := images.Build(img, a.layers...)
	if err != nil {
		return store.Record{}, err
	}
	inputs, err := json.Marshal(struct {
		Recipe int
		Image  images.Image
		Parts  []string
	}{imageRecipe, img, a.Parts})
	if err != nil {
		return store.Record{}, err
	}
	sum := sha256.Sum256(inputs)
	a.from.Source, a.from.Origin, a.from.Inputs = "build", img.Reference, hex.EncodeToString(sum[:])
	return p.keepImage(ctx, e, ref, dir, img.Reference, built, a.from)
}

// keepImage writes the archive of an image, holds it against the locks and
// takes it into the store.
func (p *puller) keepImage(ctx context.Context, e catalogue.Entry, ref bundle.Ref, dir, reference string, root images.Root, from store.Provenance) (store.Record, error) {
	art := bundle.Artifact{Ref: ref, File: e.Name + ".oci.tar", Format: bundle.OCI, Image: reference}
	path := filepath.Join(dir, art.File)
	f, err := os.Create(path)
	if err != nil {
		return store.Record{}, fmt.Errorf("writing image %s: %w", reference, err)
	}
	art.Manifest, err = images.Write(f, reference, ref.Arch, root)
	if err = errors.Join(err, f.Close()); err != nil {
		return store.Record{}, err
	}
	if art.SHA256, art.Size, err = store.HashFile(path); err != nil {
		return store.Record{}, err
	}
	if from.Inputs != "" {
		pinned := lock.Output{Artifact: ref.String(), SHA256: art.SHA256, Size: art.Size, Note: art.Manifest}
		if err := p.pin(ctx, from.Inputs, pinned, from.Modules); err != nil {
			return store.Record{}, err
		}
	}
	if _, _, err := p.store.AddFile(path, art.SHA256); err != nil {
		return store.Record{}, err
	}
	return store.Record{Ref: ref, Artifacts: []bundle.Artifact{art}, Provenance: from}, nil
}

// addPrograms makes a layer of static executables.
func (p *puller) addPrograms(ctx context.Context, a *assembly, programs []catalogue.Program, ref bundle.Ref) error {
	return a.layer(func(tree *images.Tree) error {
		for _, program := range programs {
			path, from, err := p.executable(ctx, program, ref, a.dir)
			if err != nil {
				return err
			}
			digest, _, err := store.HashFile(path)
			if err != nil {
				return err
			}
			a.part("program", program.Path, digest)
			a.owes(from)
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			if err := errors.Join(tree.AddFile(program.Path, 0o755, f), f.Close()); err != nil {
				return err
			}
		}
		return nil
	})
}

// executable is the file of a program: another row's, or compiled from C.
func (p *puller) executable(ctx context.Context, program catalogue.Program, ref bundle.Ref, dir string) (string, store.Provenance, error) {
	if program.C != nil {
		return p.compileC(ctx, program.C, ref, dir)
	}
	row, err := p.opts.Catalogue.Find(program.Binary)
	if err != nil {
		return "", store.Provenance{}, err
	}
	base := bundle.Ref{Name: row.Name, Version: cmp.Or(catalogue.Expand(program.Version, ref), ref.Version), Arch: ref.Arch}
	if row.Own != nil {
		base.Version = row.Default
	}
	if err := p.obtain(ctx, base); err != nil {
		return "", store.Provenance{}, err
	}
	rec, err := p.store.Record(base)
	if err != nil {
		return "", store.Provenance{}, err
	}
	path, err := p.store.Path(rec.Artifacts[0].SHA256)
	return path, rec.Provenance, err
}
