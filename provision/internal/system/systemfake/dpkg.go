package systemfake

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"provision/provision/internal/system"
)

const dpkgFile = "/var/lib/dpkg/fake.json"

// Package is one that dpkg knows. Status is as dpkg --list shows it.
type Package struct {
	Version string
	Status  string
	Depends []string
}

// Deb is the content of a package file that the fake dpkg understands.
func Deb(name, version string, depends ...string) []byte {
	return []byte(name + " " + version + " " + strings.Join(depends, " "))
}

// SetPackage makes dpkg know a package.
func (r *Runner) SetPackage(name string, state Package) error {
	return r.packages(func(all map[string]Package) error { all[name] = state; return nil })
}

func (r *Runner) packages(change func(map[string]Package) error) error {
	r.editing.Lock()
	defer r.editing.Unlock()
	all, err := load[map[string]Package](r.root, dpkgFile)
	if err != nil {
		return err
	}
	if all == nil {
		all = map[string]Package{}
	}
	if err := change(all); err != nil {
		return err
	}
	return store(r.root, dpkgFile, all)
}

func (r *Runner) dpkgQuery(argv []string) (string, error) {
	all, err := load[map[string]Package](r.root, dpkgFile)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	var unknown error
	for _, name := range plain(argv) {
		if entry, ok := all[name]; ok {
			fmt.Fprintf(&out, "%s\t%s\t%s \n", name, entry.Version, entry.Status)
		} else {
			unknown = &system.CommandError{Code: 1, Tail: "no packages found matching " + name}
		}
	}
	return out.String(), unknown
}

func (r *Runner) dpkg(argv []string) (string, error) {
	switch {
	case slices.Contains(argv, "--install"):
		return "", r.install(plain(argv))
	case slices.Contains(argv, "--configure"):
		return "", r.configure()
	case slices.Contains(argv, "--set-selections"):
		return "", r.packages(func(all map[string]Package) error { return selections(all, plain(argv)) })
	case slices.Contains(argv, "--purge"):
		return "", r.packages(func(all map[string]Package) error { return purge(all, plain(argv)) })
	}
	return "", errors.New("need an action option")
}

// install unpacks each file and then configures all: between the two a kill
// leaves packages half installed.
func (r *Runner) install(files []string) error {
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		fields := strings.Fields(string(content))
		if len(fields) < 2 {
			return fmt.Errorf("%s is not a Debian format archive", file)
		}
		err = r.packages(func(all map[string]Package) error {
			all[fields[0]] = Package{Version: fields[1], Status: "iU", Depends: fields[2:]}
			return nil
		})
		if err != nil {
			return err
		}
		r.point("fake:unpacked")
	}
	return r.configure()
}

func (r *Runner) configure() error {
	return r.packages(func(all map[string]Package) error {
		for name, entry := range all {
			for _, needed := range entry.Depends {
				if _, ok := all[needed]; !ok {
					return fmt.Errorf("%s depends on %s; however: Package %s is not installed", name, needed, needed)
				}
			}
			entry.Status = wanted(entry) + "i"
			all[name] = entry
		}
		return nil
	})
}

// wanted is the first column of a package that is installed now: a hold stays.
func wanted(entry Package) string {
	if strings.HasPrefix(entry.Status, "h") {
		return "h"
	}
	return "i"
}

// selections reads pairs of a package and what is wanted of it.
func selections(all map[string]Package, words []string) error {
	for i := 0; i+1 < len(words); i += 2 {
		entry, ok := all[words[i]]
		if !ok {
			return fmt.Errorf("package not in status nor available database: %s", words[i])
		}
		entry.Status = words[i+1][:1] + entry.Status[1:]
		all[words[i]] = entry
	}
	return nil
}

func purge(all map[string]Package, names []string) error {
	for other, entry := range all {
		for _, needed := range entry.Depends {
			if slices.Contains(names, needed) && !slices.Contains(names, other) {
				return fmt.Errorf("%s depends on %s", other, needed)
			}
		}
	}
	for _, name := range names {
		delete(all, name)
	}
	return nil
}

// aptGet knows a repository in which every package has version 1.
func (r *Runner) aptGet(argv []string) (string, error) {
	if !slices.Contains(argv, "install") {
		return "", nil
	}
	return "", r.packages(func(all map[string]Package) error {
		all[argv[len(argv)-1]] = Package{Version: "1", Status: "ii"}
		return nil
	})
}
