package inventory

import (
	"fmt"
	"maps"
	"strings"

	"provision/provision/bundle/catalogue"
)

// Families of versions that the engine itself knows. All others are names in
// the catalogue's rows.
const (
	FamilyKubernetes = "kubernetes" // cluster.version
	FamilyKubelet    = "kubelet"    // of Nodes; as FamilyKubernetes where it is not given
	FamilyEtcd       = "etcd"
)

// Versions of what is installed, without a leading v, by family: the artifacts
// of a release. Copies of an inventory share the map, so change it by With.
type Versions map[string]string

// Of is the version of a family, "" for none.
func (v Versions) Of(family string) string {
	if family == FamilyKubelet && v[family] == "" {
		return v[FamilyKubernetes]
	}
	return v[family]
}

// Kubernetes is the version of the control plane.
func (v Versions) Kubernetes() string { return v[FamilyKubernetes] }

// Etcd is the version of etcd.
func (v Versions) Etcd() string { return v[FamilyEtcd] }

// Nodes is the version of kubelet and kube-proxy.
func (v Versions) Nodes() string { return v.Of(FamilyKubelet) }

// With is a copy with another version of a family; "" takes it out.
func (v Versions) With(family, version string) Versions {
	out := Versions{}
	maps.Copy(out, v)
	if out[family] = version; version == "" {
		delete(out, family)
	}
	return out
}

// Version is the version of an artifact by its name, as its row's family says.
func (inv *Inventory) Version(artifact string) (string, error) {
	rows := inv.Catalogue
	if rows == nil {
		rows = catalogue.Default()
	}
	row, err := rows.Find(artifact)
	if err != nil {
		return "", err
	}
	if row.Family == "" && row.Default != "" {
		return row.Default, nil // of a release of provision itself
	}
	version := inv.Cluster.Versions.Of(row.Family)
	if version == "" {
		return "", fmt.Errorf("cannot find the version of artifact %s: the inventory has none of family %q", artifact, row.Family)
	}
	return version, nil
}

// versionsSpec is made from the catalogue: a family is an attribute.
func versionsSpec(rows catalogue.Catalogue) *blockSpec {
	spec := &blockSpec{Name: "versions", Doc: "Versions of everything else. The defaults are tested together."}
	for _, f := range rows.Families() {
		a := attrSpec{Name: f.Name, Kind: versionKind(), Default: fmt.Sprintf("%q", f.Default), Doc: "Version of " + enumerate(f.Artifacts) + "."}
		switch f.Name {
		case FamilyKubernetes:
			continue // cluster.version
		case FamilyKubelet:
			a.Default, a.Shown = "", "`cluster.version`"
			a.Doc = "kubelet and kube-proxy, to keep Nodes behind the API servers or take them back to an older minor release: at most three behind."
		}
		spec.Attrs = append(spec.Attrs, a)
	}
	spec.Attrs = append(spec.Attrs, attrSpec{Name: "via", Kind: versionsKind(), Doc: "Releases of Kubernetes and etcd for the hops of an upgrade over several minor releases; by default the newest in the store."})
	return spec
}

// bindVersions reads the version of each family.
func bindVersions(cluster *node) Versions {
	n, out := cluster.only("versions"), Versions{FamilyKubernetes: cluster.str("version")}
	for _, a := range n.spec.Attrs {
		if a.Kind.Name == versionKind().Name && n.has(a.Name) {
			out[a.Name] = n.str(a.Name)
		}
	}
	return out
}

func enumerate(words []string) string {
	for i, word := range words {
		if image, ok := strings.CutPrefix(word, "image-"); ok {
			words[i] = "the image " + image
		}
	}
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
