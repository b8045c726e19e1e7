package pkg

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"provision/provision/internal/system"
)

// dpkgLock keeps packages apart: dpkg does one thing at a time.
const dpkgLock = "dpkg"

func run(ctx context.Context, sys *system.System, argv ...string) error {
	_, err := sys.Runner.Run(ctx, system.Command{Argv: argv, Env: []string{
		"DEBIAN_FRONTEND=noninteractive", "DEBIAN_PRIORITY=critical", "APT_LISTCHANGES_FRONTEND=none", "NEEDRESTART_SUSPEND=1",
	}})
	return err
}

func (kind) Apply(ctx context.Context, sys *system.System, name string, want Spec) error {
	defer sys.Lock(dpkgLock)()
	have, err := observe(ctx, sys, name, closure(name, want))
	if err != nil {
		return err
	}
	if want.NoStart || have.Blocked {
		if err := block(sys); err != nil {
			return err
		}
	}
	if err := install(ctx, sys, name, want, have); err != nil {
		return fmt.Errorf("installing package %s: %w", name, err)
	}
	sys.Point("package:installed")
	if err := errors.Join(unblock(sys), system.TidyAccounts(sys.Files)); err != nil {
		return err
	}
	return hold(ctx, sys, name, want)
}

func install(ctx context.Context, sys *system.System, name string, want Spec, have State) error {
	if len(have.Broken) > 0 {
		// What cannot be configured now may lack a file that comes next.
		if err := run(ctx, sys, "dpkg", "--force-confold", "--configure", "--pending"); err != nil && ctx.Err() != nil {
			return err
		}
		sys.Point("package:configured")
		again, err := observe(ctx, sys, name, have.Closure)
		if err != nil {
			return err
		}
		have = again
	}
	if len(want.Debs) == 0 {
		if _, ok := have.Installed[name]; ok {
			return nil
		}
		return fromRepository(ctx, sys, name)
	}
	debs := missing(want, have)
	if len(debs) == 0 {
		return nil
	}
	argv := []string{"dpkg", "--force-confold", "--install"}
	for _, deb := range debs {
		blob, err := sys.Blobs.Path(deb.SHA256)
		if err != nil {
			return fmt.Errorf("%s: %w", deb.File, err)
		}
		argv = append(argv, sys.Files.Path(blob))
	}
	others, err := heldOf(ctx, sys, have.Closure)
	if err != nil {
		return err
	}
	if err := run(ctx, sys, argv...); err != nil {
		return err
	}
	sys.Point("package:unpacked")
	for _, each := range others {
		if err := mark(ctx, sys, each, "hold"); err != nil {
			return err
		}
	}
	return nil
}

// fromRepository reads the package lists anew only when they do not do.
func fromRepository(ctx context.Context, sys *system.System, name string) error {
	argv := []string{"apt-get", "install", "--yes", "--no-install-recommends", "--allow-change-held-packages", "--option", "Dpkg::Options::=--force-confold", name}
	err := run(ctx, sys, argv...)
	if err == nil || ctx.Err() != nil {
		return err
	}
	if err := run(ctx, sys, "apt-get", "update"); err != nil {
		return err
	}
	return run(ctx, sys, argv...)
}

// Restore purges what was not there before. A package of the closure that
// others have come to need stays; one that was older stays at its new version.
func (kind) Restore(ctx context.Context, sys *system.System, name string, before State) error {
	defer sys.Lock(dpkgLock)()
	if err := unblock(sys); err != nil {
		return err
	}
	have, err := observe(ctx, sys, name, before.Closure)
	if err != nil {
		return err
	}
	if have.Held && !before.Held {
		if err := mark(ctx, sys, name, "install"); err != nil {
			return err
		}
		sys.Point("package:let go")
	}
	ours := added(before, have)
	if len(ours) == 0 {
		return nil
	}
	if err := run(ctx, sys, append([]string{"dpkg", "--purge"}, ours...)...); err == nil || ctx.Err() != nil {
		return err
	}
	if slices.Contains(ours, name) {
		if err := run(ctx, sys, "dpkg", "--purge", name); err != nil {
			return fmt.Errorf("removing package %s: %w", name, err)
		}
		sys.Point("package:purged")
	}
	return purgeUnneeded(ctx, sys, name, before)
}

func added(before, have State) []string {
	var ours []string
	for _, each := range have.Closure {
		_, was := before.Installed[each]
		_, is := have.Installed[each]
		left := is || slices.Contains(have.Broken, each) || slices.Contains(have.Purging, each)
		if left && !was && !slices.Contains(before.Broken, each) && !slices.Contains(before.Purging, each) {
			ours = append(ours, each)
		}
	}
	return ours
}

// purgeUnneeded takes one package after the other as long as dpkg lets go of
// any: it refuses those that something else depends on.
func purgeUnneeded(ctx context.Context, sys *system.System, name string, before State) error {
	for progress := true; progress; {
		progress = false
		have, err := observe(ctx, sys, name, before.Closure)
		if err != nil {
			return err
		}
		for _, each := range added(before, have) {
			err := run(ctx, sys, "dpkg", "--purge", each)
			if ctx.Err() != nil {
				return err
			}
			progress = progress || err == nil
		}
	}
	return nil
}
