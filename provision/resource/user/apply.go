package user

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"provision/provision/internal/system"
)

// accounts is the lock of everything that edits passwd and group.
const accounts = "accounts"

func run(ctx context.Context, sys *system.System, argv ...string) error {
	if _, err := sys.Runner.Run(ctx, system.Command{Argv: argv}); err != nil {
		return fmt.Errorf("changing accounts: %w", err)
	}
	sys.Point("user:" + argv[0])
	return nil
}

// Apply makes the group by itself first: each command is one step that a later
// Apply sees as done.
func (k kind) Apply(ctx context.Context, sys *system.System, name string, want Spec) error {
	defer sys.Lock(accounts)()
	have, err := k.Observe(ctx, sys, name, want)
	if err != nil {
		return err
	}
	if err := system.TidyAccounts(sys.Files); err != nil {
		return err
	}
	if have.Group == nil {
		if err := run(ctx, sys, "groupadd", "--system", name); err != nil {
			return err
		}
	}
	if want.GroupOnly {
		return nil
	}
	if have.Account == nil {
		home := want.Home
		if home == "" {
			home = "/nonexistent"
		}
		err = run(ctx, sys, "useradd", "--system", "--gid", name, "--no-create-home", "--home-dir", home, "--shell", want.shell(), name)
	} else {
		err = modify(ctx, sys, name, *have.Account, account{Shell: want.shell(), Home: want.Home})
	}
	if err != nil {
		return err
	}
	if missing := missingGroups(want, have); len(missing) > 0 {
		return run(ctx, sys, "usermod", "--append", "--groups", strings.Join(missing, ","), name)
	}
	return nil
}

func modify(ctx context.Context, sys *system.System, name string, have, want account) error {
	argv := []string{"usermod"}
	if want.Shell != have.Shell {
		argv = append(argv, "--shell", want.Shell)
	}
	if want.Home != "" && want.Home != have.Home {
		argv = append(argv, "--home", want.Home)
	}
	if len(argv) == 1 {
		return nil
	}
	return run(ctx, sys, append(argv, name)...)
}

func (k kind) Restore(ctx context.Context, sys *system.System, name string, before State) error {
	defer sys.Lock(accounts)()
	have, err := k.Observe(ctx, sys, name, Spec{Groups: before.Groups})
	if err != nil {
		return err
	}
	for _, each := range have.Member {
		if slices.Contains(before.Member, each) {
			continue
		}
		if err := run(ctx, sys, "gpasswd", "--delete", name, each); err != nil {
			return err
		}
	}
	switch {
	case before.GroupOnly || have.Account == nil:
	case before.Account != nil:
		err = modify(ctx, sys, name, *have.Account, *before.Account)
	default:
		err = run(ctx, sys, "userdel", name)
	}
	if err != nil {
		return err
	}
	return k.restoreGroup(ctx, sys, name, before)
}

// restoreGroup looks again: userdel may have taken the group with it.
func (k kind) restoreGroup(ctx context.Context, sys *system.System, name string, before State) error {
	have, err := k.Observe(ctx, sys, name, Spec{GroupOnly: true})
	if err != nil {
		return err
	}
	switch {
	case have.Group != nil && before.Group == nil:
		return run(ctx, sys, "groupdel", name)
	case have.Group == nil && before.Group != nil:
		return run(ctx, sys, "groupadd", "--gid", before.Group.GID, name)
	}
	return nil
}
