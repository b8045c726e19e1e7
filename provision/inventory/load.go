package inventory

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"provision/provision/bundle/catalogue"
	"provision/provision/diag"
	"provision/provision/secret"
)

// Options say what to read and how. The zero value reads the *.hcl of the
// current folder with the real environment.
type Options struct {
	// Paths are files or folders; empty means $PROVISION_INVENTORY, then ".".
	Paths []string
	// Vars are the -var options, by name.
	Vars map[string]string
	// VarFiles are the -var-file options; later ones win. Files of age and
	// sops are decrypted.
	VarFiles []string

	// Parts are what an inventory may speak of beside the engine's own.
	Parts []Part
	// Catalogue names the families of versions; nil: the default one.
	Catalogue catalogue.Catalogue

	Env      func(name string) (string, bool)                          // default os.LookupEnv
	ReadFile func(path string) ([]byte, error)                         // default a bounded os.ReadFile
	ReadDir  func(path string) (names []string, isDir bool, err error) // default the *.hcl of os.ReadDir
	Run      func(ctx context.Context, argv []string) ([]byte, error)  // runs sops; default os/exec
}

// loader carries one load.
type loader struct {
	unset    bool // a variable has no value, which was told
	ctx      context.Context
	opts     Options
	meter    *meter
	diags    diag.List
	sources  map[string][]byte
	digest   digest
	guarded  bool // a variable is sensitive: lines of var-files are not shown
	files    []parsed
	written  Written
	revealed []string // secrets, to see whether files hold them
	partial  bool     // a host block could not be read whole, so none may be missed
}

type parsed struct {
	name string
	body *hclsyntax.Body
}

// report adds problems; a question needs no full stop after it.
func (l *loader) report(list ...diag.Diagnostic) {
	for _, d := range list {
		if l.full() {
			return
		}
		if rest, ok := strings.CutSuffix(d.Detail, "?."); ok {
			d.Detail = rest + "?"
		}
		l.diags = append(l.diags, d)
	}
}

// maxProblems is where reporting stops: nobody reads more, and hostile input
// makes them by the million.
const maxProblems = 1000

func (l *loader) full() bool { return len(l.diags) >= maxProblems }

// Load reads, decodes and checks an inventory. All problems are reported at
// once, sorted by place; the inventory is nil when one of them is an error.
// It opens no connection.
func Load(ctx context.Context, opts Options) (*Inventory, diag.List) {
	l := newLoader(ctx, opts)
	l.readPaths()
	return l.finish()
}

// Parse decodes an inventory from memory: file names to contents. Files are
// read through opts.ReadFile, when it is given, only by the function file().
func Parse(ctx context.Context, files map[string][]byte, opts Options) (*Inventory, diag.List) {
	l := newLoader(ctx, opts)
	for _, name := range sortedKeys(files) {
		l.parse(name, files[name])
	}
	return l.finish()
}

func newLoader(ctx context.Context, opts Options) *loader {
	l := &loader{ctx: ctx, opts: opts.withDefaults(), meter: newMeter(), sources: map[string][]byte{}}
	l.written = Written{Files: map[string][]byte{}, VarFiles: map[string]secret.Value{}}
	l.digest.init()
	return l
}

func (l *loader) readPaths() {
	paths := l.opts.Paths
	if len(paths) == 0 {
		paths = []string{"."}
		if p, ok := l.opts.Env("PROVISION_INVENTORY"); ok && p != "" {
			paths = []string{p}
		}
	}
	var names []string
	for _, p := range paths {
		entries, isDir, err := l.opts.ReadDir(p)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			l.report(diag.Errorf(hcl.Range{}, "Cannot read the inventory", "There is no such file or folder: %s. Name the inventory's file or folder as the argument, with -i or in $PROVISION_INVENTORY, or start from a sample of the folder inventories.", quote(p)))
		case err != nil:
			l.report(diag.Errorf(hcl.Range{}, "Cannot read the inventory", "Reading %s: %s.", quote(p), err))
		case !isDir:
			names = append(names, filepath.Clean(p))
		case len(entries) == 0:
			l.report(diag.Errorf(hcl.Range{}, "No inventory here", "There is no *.hcl in %s; name a file or folder with -i, or start from a sample of the folder inventories.", quote(p)))
		}
		for _, e := range entries {
			names = append(names, filepath.Join(p, e))
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > maxFiles {
		l.report(diag.Errorf(hcl.Range{}, "Too many files", "An inventory has at most %d files, not %d.", maxFiles, len(names)))
		return
	}
	total := 0
	for _, name := range names {
		src, err := l.opts.ReadFile(name)
		if err != nil {
			l.report(diag.Errorf(hcl.Range{}, "Cannot read the inventory", "%s.", sentence(err)))
			continue
		}
		if total += len(src); total > maxTotal {
			l.report(diag.Errorf(hcl.Range{}, "Inventory too large", "An inventory has at most %d bytes.", maxTotal))
			return
		}
		l.parse(name, src)
	}
}

// parse adds one file.
func (l *loader) parse(name string, src []byte) {
	l.sources[name] = src
	l.written.Files[name] = src
	l.digest.add("file", name, src)
	if list := scan(src, name); len(list) > 0 {
		l.report(list...)
		return
	}
	f, diags := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	l.report(diag.FromHCL(diags)...)
	if f == nil {
		return
	}
	body, ok := f.Body.(*hclsyntax.Body)
	if !ok {
		return
	}
	l.meter.meterBody(body)
	l.files = append(l.files, parsed{name: name, body: body})
}

// finish decodes what was parsed.
func (l *loader) finish() (*Inventory, diag.List) {
	var inv *Inventory
	// What did not parse was reported; checking the rest of such a file
	// would only repeat it in other words.
	if !l.diags.HasErrors() {
		inv = l.decode()
	}
	list := l.diags.Sorted().WithSource(l.sources)
	if list.HasErrors() {
		return nil, list
	}
	inv.Digest, inv.PublicDigest = l.digest.sums()
	inv.Sources = l.sources
	inv.Written = l.wrote()
	return inv, list
}

func (l *loader) decode() *Inventory {
	root := &node{spec: rootSpec(l.opts.Catalogue, l.opts.Parts), body: &hclsyntax.Body{}, blocks: map[string][]*node{}}
	base := &hcl.EvalContext{Variables: nil, Functions: functions(l.env)}
	for _, f := range l.files {
		l.mergeFile(root, f, base)
	}
	root.at = root.only("cluster").at // of what is said in no block
	l.variables(root, base)
	l.locals(root, base)
	l.evaluate(root)
	if l.meter.reported.Load() {
		return nil // half of the values are missing: anything said would mislead
	}
	return l.bind(root)
}

// mergeFile adds a file's blocks to the root; singletons are compared across
// files.
func (l *loader) mergeFile(root *node, f parsed, base *hcl.EvalContext) {
	eval := base.NewChild()
	eval.Functions = fileFunctions(l, filepath.Dir(f.name))
	before := root.blocks
	n := &node{spec: root.spec, body: f.body, eval: eval}
	l.tree(n)
	for _, spec := range root.spec.Blocks {
		list := n.blocks[spec.Name]
		if len(before[spec.Name]) > 0 && len(list) > 0 && !spec.Many {
			l.report(diag.Errorf(list[0].at, fmt.Sprintf("A second %s block", spec.Name),
				"There may be one %s block; merge the two. All files of a folder count as one.", spec.Name).
				And("the first is", before[spec.Name][0].at))
			continue
		}
		before[spec.Name] = append(before[spec.Name], list...)
	}
}

// env reads the environment and puts what was read into the digest.
func (l *loader) env(name string) (string, bool) {
	v, ok := l.opts.Env(name)
	if ok {
		l.digest.addPrivate("env", name, []byte(v))
	}
	return v, ok
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, strings.Compare)
	return keys
}

// names returns the keys to choose a suggestion from, none when there are
// too many to compare.
func names[V any](m map[string]V) []string {
	if len(m) > 500 {
		return nil
	}
	return sortedKeys(m)
}
