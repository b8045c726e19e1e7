package inventory

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"provision/provision/diag"
	"provision/provision/secret"
)

// varFile reads one var-file. What comes out of an encrypted one is sensitive.
func (l *loader) varFile(path string) map[string]given {
	src, err := l.opts.ReadFile(path)
	if err != nil {
		l.report(diag.Errorf(hcl.Range{}, "Cannot read the var-file", "%s: %s.", quote(path), err))
		return nil
	}
	l.written.VarFiles[path] = secret.New(digestOf(src))
	plain, how, err := l.decrypt(path, src)
	if err != nil {
		l.report(diag.Errorf(hcl.Range{}, "Cannot decrypt the var-file", "%s: %s.", quote(path), err))
		return nil
	}
	if how != "" {
		l.digest.add("var-file", path, src)
	} else {
		l.digest.addPrivate("var-file", path, src)
	}
	if how == "" && !l.guarded { // a line that is wrong could hold a secret
		l.sources[path] = src
	}
	var out map[string]given
	if isJSON(path, how) {
		out = l.varJSON(path, plain, how)
	} else {
		out = l.varHCL(path, plain, how)
	}
	if how != "" {
		for name, g := range out {
			g.v, g.quiet = g.v.Mark(sensitive), true
			out[name] = g
		}
	}
	return out
}

func isJSON(path, how string) bool {
	ext := strings.ToLower(filepath.Ext(strings.TrimSuffix(path, ".age")))
	return ext == ".json" || how == "sops" && (ext == ".yaml" || ext == ".yml")
}

func (l *loader) varHCL(path string, src []byte, how string) map[string]given {
	if list := scan(src, path); len(list) > 0 {
		l.report(list...)
		return nil
	}
	f, diags := hclsyntax.ParseConfig(src, path, hcl.InitialPos)
	list := diag.FromHCL(diags)
	for i := range list {
		if how != "" { // the library quotes what it stumbles over
			list[i].Detail = "The details are left out because the file is encrypted."
		}
	}
	l.report(list...)
	if diags.HasErrors() {
		return nil
	}
	body, ok := f.Body.(*hclsyntax.Body)
	if !ok {
		return nil
	}
	l.meter.meterBody(body)
	for _, b := range body.Blocks {
		l.report(diag.Errorf(b.TypeRange, "Unknown block", "A var-file holds only NAME = VALUE."))
	}
	out := map[string]given{}
	for _, name := range sortedKeys(body.Attributes) {
		a := body.Attributes[name]
		if v, ok := l.value(a.Expr, &hcl.EvalContext{}); ok {
			out[name] = given{v: v, from: quote(path), at: a.Expr.Range()}
		}
	}
	return out
}

func (l *loader) varJSON(path string, src []byte, how string) map[string]given {
	bad := func(err error) map[string]given {
		detail := sentence(err) + "."
		if how != "" {
			detail = "It is not a JSON object of NAME: VALUE."
		}
		l.report(diag.Errorf(hcl.Range{Filename: path, Start: hcl.InitialPos, End: hcl.InitialPos}, "Invalid var-file", "%s", detail))
		return nil
	}
	if err := jsonDepth(string(src)); err != nil {
		return bad(err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(src, &raw); err != nil {
		return bad(fmt.Errorf("reading JSON: %w", err))
	}
	out := map[string]given{}
	for name, text := range raw {
		t, err := ctyjson.ImpliedType(text)
		if err != nil {
			return bad(fmt.Errorf("reading %s: %w", quote(name), err))
		}
		v, err := ctyjson.Unmarshal(text, t)
		if err != nil {
			return bad(fmt.Errorf("reading %s: %w", quote(name), err))
		}
		if _, huge := weigh(v); huge {
			return bad(fmt.Errorf("reading %s: number out of bounds", quote(name)))
		}
		out[name] = given{v: v, from: quote(path), at: hcl.Range{Filename: path, Start: hcl.InitialPos, End: hcl.InitialPos}}
	}
	return out
}

// decrypt returns the plain text and what encrypted it: "age", "sops" or "".
func (l *loader) decrypt(path string, src []byte) ([]byte, string, error) {
	switch {
	case bytes.HasPrefix(src, []byte("age-encryption.org/")), bytes.HasPrefix(bytes.TrimSpace(src), []byte(armor.Header)):
		plain, err := l.decryptAge(src)
		return plain, "age", err
	case isSops(path, src):
		plain, err := l.opts.Run(l.ctx, sopsCommand(path))
		if err == nil && len(plain) > maxFile {
			err = fmt.Errorf("larger than %d bytes", maxFile)
		}
		return plain, "sops", err
	}
	return src, "", nil
}

// isSops recognises the metadata that sops puts into every format.
func isSops(path string, src []byte) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".yaml", ".yml":
		return bytes.Contains(src, []byte("\nsops:")) || bytes.HasPrefix(src, []byte("sops:"))
	default:
		var doc struct {
			Sops json.RawMessage `json:"sops"`
		}
		return json.Unmarshal(src, &doc) == nil && doc.Sops != nil
	}
}

// sopsCommand decrypts to JSON what has structure, and to what was put in
// otherwise.
func sopsCommand(path string) []string {
	format := []string{"--input-type", "binary", "--output-type", "binary"}
	switch strings.ToLower(filepath.Ext(path)) {
	case ".yaml", ".yml", ".json":
		format = []string{"--output-type", "json"}
	}
	// A path that starts with a dash must not become a flag.
	if !filepath.IsAbs(path) {
		path = "./" + path
	}
	return append(append([]string{"sops", "-d"}, format...), path)
}

func (l *loader) decryptAge(src []byte) ([]byte, error) {
	ids, err := l.ageIdentities()
	if err != nil {
		return nil, err
	}
	var in io.Reader = bytes.NewReader(src)
	if bytes.HasPrefix(bytes.TrimSpace(src), []byte(armor.Header)) {
		in = armor.NewReader(bytes.NewReader(bytes.TrimSpace(src)))
	}
	r, err := age.Decrypt(in, ids...)
	if err != nil {
		return nil, fmt.Errorf("decrypting with age: %w", err)
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("decrypting with age: %w", err)
	}
	return plain, nil
}

// ageIdentities reads the operator's keys from where age and sops users have
// them.
func (l *loader) ageIdentities() ([]age.Identity, error) {
	path := l.home("~/.config/sops/age/keys.txt")
	if dir, ok := l.opts.Env("XDG_CONFIG_HOME"); ok && dir != "" {
		path = filepath.Join(dir, "sops/age/keys.txt")
	}
	for _, name := range []string{"SOPS_AGE_KEY_FILE", "PROVISION_AGE_KEY_FILE"} {
		if p, ok := l.opts.Env(name); ok && p != "" {
			path = p
		}
	}
	src, err := l.opts.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("no age identity: %w; set PROVISION_AGE_KEY_FILE", err)
	}
	ids, err := age.ParseIdentities(bytes.NewReader(src))
	if err != nil {
		// The library's message may quote the line.
		return nil, fmt.Errorf("%s is not a file of age identities", quote(path))
	}
	return ids, nil
}
