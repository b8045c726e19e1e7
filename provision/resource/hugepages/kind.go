package hugepages

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"provision/provision/internal/names"
	"provision/provision/internal/system"
	"provision/provision/resource"
	"provision/provision/resource/internal/snapshot"
)

// State is the number of pages and the file that sets it at boot.
type State struct {
	Missing bool              `json:"missing,omitempty"` // the kernel has no pages of this size
	Count   int               `json:"count"`
	File    snapshot.Snapshot `json:"file"`
	Right   bool              `json:"right,omitempty"` // the file is as wanted
}

type kind struct{}

// Of is the kind for the catalogue.
func Of() resource.Kind[*system.System] { return resource.Erase[*system.System, Spec, State](kind{}) }

func (kind) Name() string { return Kind }

func (kind) Check(name string, want Spec) error {
	if !names.Only(name, "", names.Digits, 12) {
		return fmt.Errorf("%q is not a size in KiB", name)
	}
	if want.Count < 0 {
		return fmt.Errorf("%d is not a number of pages", want.Count)
	}
	return nil
}

// live is where the kernel tells and takes the number.
func live(kib string) string {
	return "/sys/kernel/mm/hugepages/hugepages-" + kib + "kB/nr_hugepages"
}

func confPath(kib string) string { return "/etc/tmpfiles.d/provision-hugepages-" + kib + "kB.conf" }

// Booted is how many pages of a size are to be set aside at boot, and how many
// the kernel has.
func Booted(files system.Files, kib string) (wanted, have int, err error) {
	raw, err := files.ReadFile(confPath(kib))
	if err != nil {
		return 0, 0, fmt.Errorf("reading %s: %w", confPath(kib), err)
	}
	if words := strings.Fields(string(raw)); len(words) > 0 {
		wanted, err = strconv.Atoi(words[len(words)-1])
	}
	if err != nil {
		return 0, 0, fmt.Errorf("reading %s: %w", confPath(kib), err)
	}
	have, _, err = count(files, kib)
	return wanted, have, err
}

func conf(kib string, count int) string {
	return "w " + live(kib) + " - - - - " + strconv.Itoa(count) + "\n"
}

func (kind) Observe(_ context.Context, sys *system.System, name string, want Spec) (State, error) {
	file, err := snapshot.Take(sys.Files, confPath(name))
	if err != nil {
		return State{}, err
	}
	state := State{File: file, Right: file.Holds(conf(name, want.Count))}
	state.Count, state.Missing, err = count(sys.Files, name)
	return state, err
}

func count(files system.Files, kib string) (number int, missing bool, err error) {
	raw, err := files.ReadFile(live(kib))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, true, nil
	}
	if err == nil {
		number, err = strconv.Atoi(strings.TrimSpace(string(raw)))
	}
	if err != nil {
		return 0, false, fmt.Errorf("reading the number of huge pages of %s KiB: %w", kib, err)
	}
	return number, false, nil
}

func (kind) Diff(_ string, want Spec, have State) []resource.Change {
	if have.Missing {
		return []resource.Change{{Field: "pages", Old: "(the kernel has none of this size)", New: strconv.Itoa(want.Count)}}
	}
	var changes []resource.Change
	if have.Count != want.Count {
		changes = append(changes, resource.Change{Field: "pages", Old: strconv.Itoa(have.Count), New: strconv.Itoa(want.Count)})
	}
	if !have.Right {
		changes = append(changes, resource.Change{Field: "at boot", New: strconv.Itoa(want.Count), Create: !have.File.Exists()})
	}
	return changes
}

func (kind) Apply(_ context.Context, sys *system.System, name string, want Spec) error {
	have, missing, err := count(sys.Files, name)
	switch {
	case err != nil:
		return err
	case missing:
		return fmt.Errorf("cannot set huge pages of %s KiB aside: the kernel has none of this size", name)
	}
	if err := snapshot.Write(sys.Files, confPath(name), strings.NewReader(conf(name, want.Count)), system.Attr{Mode: 0o644}); err != nil {
		return fmt.Errorf("setting huge pages aside: %w", err)
	}
	sys.Point("hugepages:file")
	if have == want.Count {
		return nil
	}
	if err := set(sys, name, want.Count); err != nil {
		return err
	}
	if have, _, err = count(sys.Files, name); err == nil && have < want.Count {
		err = fmt.Errorf("cannot set %d huge pages of %s KiB aside: the kernel found room for %d; reboot the host, which sets them aside before memory is in pieces, or want fewer", want.Count, name, have)
	}
	return err
}

func set(sys *system.System, kib string, pages int) error {
	if err := sys.Files.Overwrite(live(kib), []byte(strconv.Itoa(pages)+"\n")); err != nil {
		return fmt.Errorf("setting huge pages of %s KiB aside: %w", kib, err)
	}
	return nil
}

func (kind) Keep(_ context.Context, sys *system.System, name string, have State) (State, error) {
	var err error
	have.File, err = snapshot.Keep(sys, confPath(name), have.File)
	return have, err
}

func (kind) Restore(_ context.Context, sys *system.System, name string, before State) error {
	if err := snapshot.Restore(sys, confPath(name), before.File); err != nil {
		return err
	}
	sys.Point("hugepages:restored")
	now, missing, err := count(sys.Files, name)
	if err != nil || missing || before.Missing || now == before.Count {
		return err
	}
	return set(sys, name, before.Count)
}
