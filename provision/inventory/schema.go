package inventory

import (
	"fmt"
	"strings"

	"provision/provision/bundle/catalogue"
)

// attrSpec describes one attribute, once: the decoder, its messages and
// docs/inventory.md all come from it.
type attrSpec struct {
	Name     string
	Kind     kind
	Required bool
	Default  string // an HCL expression; "" leaves the zero value
	Shown    string // what the reference says instead of Default
	Doc      string
	// Secretive attributes are those that people put passwords into by
	// mistake: what is wrong with them is said without showing the line.
	Secretive bool
	// Owner is the part whose attribute it is, in a block of the engine's.
	Owner string
	// Secret attributes take sensitive values, and no others.
	Secret bool
}

// blockSpec describes one block.
type blockSpec struct {
	Name   string
	Label  string // what the label is, "" for none
	Doc    string
	Many   bool // may be given more than once
	Open   bool // attributes are names of the reader's own
	Owner  string
	Attrs  []attrSpec
	Blocks []*blockSpec
	// Choices are the schemas by label, where the label says which; there may be
	// a second one then, the name of an instance.
	Choices map[string]*blockSpec
	Named   bool
}

func (b *blockSpec) attr(name string) (attrSpec, bool) {
	for _, a := range b.Attrs {
		if a.Name == name {
			return a, true
		}
	}
	return attrSpec{}, false
}

func (b *blockSpec) block(name string) *blockSpec {
	for _, c := range b.Blocks {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// rootSpec is the whole language, with the families of versions of a catalogue
// and what parts own.
func rootSpec(rows catalogue.Catalogue, parts []Part) *blockSpec {
	root := &blockSpec{Blocks: []*blockSpec{
		clusterSpec(rows), sshSpec(), networkSpec(), hostSpec(rolesOf(parts)), kubernetesSpec(), etcdSpec(),
		timeSpec(), osSpec(), pkiSpec(), rolloutSpec(), poolSpec(rolesOf(parts)), addonSpec(), imagesSpec(), variableSpec(), localsSpec(),
	}}
	extend(root, parts)
	return root
}

func clusterSpec(rows catalogue.Catalogue) *blockSpec {
	return &blockSpec{
		Name: "cluster", Label: "name",
		Doc: "The cluster: its name and what is installed. Required.",
		Attrs: []attrSpec{
			{Name: "version", Kind: versionKind(), Default: fmt.Sprintf("%q", rows.Version(FamilyKubernetes)), Doc: "Kubernetes version, without a leading `v`."},
			{Name: "site", Kind: labelValueKind(), Doc: "Where the cluster is. Becomes the label `topology.kubernetes.io/region`."},
			{Name: "environment", Kind: stringKind(), Doc: "What the cluster is for. `prod`, or any name that begins with it, makes you type the cluster's name to approve a run."},
			{Name: "api_address", Kind: endpointKind(), Doc: "Address or DNS name where outside clients reach the API; goes into the API's certificate."},
		},
		Blocks: []*blockSpec{versionsSpec(rows)},
	}
}

func hostSpec(roles []Role) *blockSpec {
	return &blockSpec{
		Name: "host", Label: "name or range", Many: true,
		Doc: "One host, or many: `\"node-[01-40]\"` with `address = \"10.0.1.[11-50]\"` are forty. Ranges of name and address expand pairwise and must be equally long; `[1-3,7]` lists.",
		Attrs: []attrSpec{
			{Name: "address", Kind: stringKind(), Required: true, Doc: "IP address, or a range of them."},
			{Name: "roles", Kind: rolesKind(roles), Required: true, Doc: "What the host does: `" + strings.Join(words(roles), "`, `") + "`. Roles combine; a master that is not also a node is tainted. A role that no part of the cluster uses is refused."},
			{Name: "rack", Kind: labelValueKind(), Doc: "Becomes the label `topology.provision/rack`."},
			{Name: "zone", Kind: labelValueKind(), Doc: "Becomes the label `topology.kubernetes.io/zone`."},
			{Name: "labels", Kind: labelsKind(), Doc: "Labels of the Node."},
			{Name: "taints", Kind: taintsKind(), Doc: "Taints of the Node, each `key=value:Effect` or `key:Effect`."},
			{Name: "user", Kind: userKind(), Shown: "`ssh.user`", Doc: "Login user of this host."},
			{Name: "port", Kind: portKind(), Shown: "`ssh.port`", Doc: "SSH port of this host."},
			{Name: "identity_files", Kind: stringsKind(), Shown: "`ssh.identity_files`", Doc: "Private keys for this host."},
			{Name: "host_key", Kind: hostKeyKind(), Doc: "Pin: `ssh-ed25519 AAAA…` or `SHA256:…`. For a block that names one host."},
		},
	}
}

func addonSpec() *blockSpec {
	return &blockSpec{
		Name: "addon", Label: "kind", Many: true, Named: true, Choices: map[string]*blockSpec{},
		Doc: "Something that runs in the cluster. Its attributes are those of its kind. `coredns` is installed without being named. Where a kind allows several instances, each has a name: `addon \"KIND\" \"NAME\" { … }`.",
	}
}

func variableSpec() *blockSpec {
	return &blockSpec{
		Name: "variable", Label: "name", Many: true,
		Doc: "A value given from outside, used as `var.NAME`: by `-var NAME=VALUE`, `-var-file`, `PROVISION_VAR_NAME`, or its default, in this order of precedence.",
		Attrs: []attrSpec{
			{Name: "type", Kind: typeKind(), Shown: "`string`, or the default's type", Doc: "Type, such as `string`, `number`, `list(string)`."},
			{Name: "default", Kind: anyKind(), Shown: "none: a value must be given", Doc: "Value when none is given."},
			{Name: "description", Kind: stringKind(), Doc: "For the reader."},
			{Name: "sensitive", Kind: boolKind(), Default: "false", Doc: "Never shown, and refused where it would be printed."},
		},
	}
}

func localsSpec() *blockSpec {
	return &blockSpec{
		Name: "locals", Many: true, Open: true,
		Doc: "Named expressions, used as `local.NAME`. They may refer to variables and to each other.",
	}
}
