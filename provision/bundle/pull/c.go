package pull

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"provision/provision/bundle"
	"provision/provision/bundle/catalogue"
	"provision/provision/bundle/gobuild"
	"provision/provision/bundle/store"
)

// compileC builds a C program that lies in the zip of a Go module.
func (p *puller) compileC(ctx context.Context, c *catalogue.CSource, ref bundle.Ref, dir string) (string, store.Provenance, error) {
	from := store.Provenance{VouchedBy: "Go checksum database", Package: c.File, Flags: catalogue.ExpandAll(c.Flags, ref)}
	cc, err := gobuild.Compiler(ref.Arch)
	if err != nil {
		return "", from, err
	}
	if from.Compiler, err = gobuild.CompilerID(ctx, cc); err != nil {
		return "", from, err
	}
	p.emit(ref, Building, func(ev *Event) { ev.Source, ev.Text = "build", "downloading "+c.Module })
	src, module, err := p.opts.Builder.ModuleDir(ctx, dir, c.Module, c.ModuleVersion)
	if err != nil {
		return "", from, err
	}
	if err := p.pins.CheckModule(module.Path+"@"+module.Version, module.Sum); err != nil {
		return "", from, err
	}
	from.Modules = []store.Module{module}
	out := filepath.Join(dir, filepath.Base(c.File)+".out")
	argv := append(append([]string{}, from.Flags...), "-s", "-o", out, filepath.Base(c.File))
	cmd := exec.CommandContext(ctx, cc, argv...)
	cmd.Dir = filepath.Join(src, filepath.Dir(c.File))
	if msg, err := cmd.CombinedOutput(); err != nil {
		return "", from, fmt.Errorf("compiling %s: %w: %s", c.File, errors.Join(ctx.Err(), err), strings.TrimSpace(string(msg)))
	}
	return out, from, nil
}
