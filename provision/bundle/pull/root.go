package pull

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"provision/provision/bundle"
	"provision/provision/bundle/catalogue"
	"provision/provision/bundle/debs"
	"provision/provision/bundle/images"
)

// addRoot makes a layer of the files of packages and of all that they need.
func (p *puller) addRoot(ctx context.Context, a *assembly, root *catalogue.Root, ref bundle.Ref) error {
	list, from, err := p.packages(ctx, ref, root.DebSource, root.Codename, func(apt packager) ([]debs.Package, error) {
		return apt.Root(ctx, root.Packages...)
	})
	if err != nil {
		return err
	}
	a.owes(from)
	return a.layer(func(tree *images.Tree) error {
		tree.MergeUsr()
		for _, d := range list {
			a.part("deb", d.File, d.SHA256)
			if err := p.addPackage(ctx, tree, d); err != nil {
				return err
			}
		}
		for _, path := range slices.Sorted(maps.Keys(root.Links)) {
			a.part("link", path, root.Links[path])
			if err := tree.AddLink(path, root.Links[path]); err != nil {
				return err
			}
		}
		return addAccounts(tree)
	})
}

// addPackage adds a package's files, and its control paragraph where scanners of
// images look for it.
func (p *puller) addPackage(ctx context.Context, tree *images.Tree, d debs.Package) error {
	path, err := p.store.Path(d.SHA256)
	if err != nil {
		return err
	}
	if err := debs.Unpack(ctx, path, func(r io.Reader) error { return tree.AddTar(r, needed) }); err != nil {
		return errors.Join(errors.New("unpacking "+d.File), err)
	}
	control, err := debs.Control(ctx, path)
	if err != nil {
		return err
	}
	return tree.AddFile("var/lib/dpkg/status.d/"+d.Name, 0o644, strings.NewReader(control))
}

// needed leaves out what nobody reads in an image; licences stay.
func needed(name string) bool {
	for _, folder := range []string{"man", "info", "locale", "lintian", "bug"} {
		if strings.HasPrefix(name, "usr/share/"+folder+"/") {
			return false
		}
	}
	below, doc := strings.CutPrefix(name, "usr/share/doc/")
	return !doc || !strings.Contains(below, "/") || strings.HasSuffix(below, "/copyright")
}

// addAccounts writes the users and groups that every Debian has, which a
// script of base-passwd would write.
func addAccounts(tree *images.Tree) error {
	for _, kind := range []string{"passwd", "group"} {
		text, err := tree.Read("usr/share/base-passwd/" + kind + ".master")
		if err != nil {
			return err
		}
		if text == "" {
			continue
		}
		if err := tree.AddFile("etc/"+kind, 0o644, strings.NewReader(text)); err != nil {
			return err
		}
	}
	return nil
}
