package judge

import (
	"embed"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"provision/provision/diag"
	"provision/provision/inventory"
)

// lists are flags by program and minor release, as lists/kube-apiserver-1.37.txt,
// and Kubernetes' feature gates. lists_test.go makes them anew.
//
//go:embed lists/*.txt
var lists embed.FS

// List is what a program of a minor release takes: flags with what their values
// are, gates with the only value that they have, if there is but one.
type List struct {
	Program, Version string // Version is the minor release: 1.37
	Names            map[string]string
}

// Of is the list of a program of a version, or the nearest older one, else the
// oldest; nil if there is none at all.
func Of(program, version string) *List {
	files, _ := lists.ReadDir("lists")
	var found *List
	for _, f := range files { // sorted
		name, release := split(f.Name())
		if name != program || found != nil && number(release) > number(minor(version)) {
			continue
		}
		raw, _ := lists.ReadFile(path.Join("lists", f.Name()))
		found = &List{Program: program, Version: release, Names: parse(string(raw))}
	}
	return found
}

// split takes kube-apiserver-1.37.txt apart.
func split(file string) (program, release string) {
	base := strings.TrimSuffix(file, ".txt")
	at := strings.LastIndex(base, "-")
	return base[:at], base[at+1:]
}

// number makes minor releases comparable.
func number(release string) int {
	major, rest, _ := strings.Cut(release, ".")
	a, _ := strconv.Atoi(major)
	b, _ := strconv.Atoi(rest)
	return a<<10 | b
}

func parse(text string) map[string]string {
	names := map[string]string{}
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] != "#" {
			names[fields[0]] = strings.Join(fields[1:], " ")
		}
	}
	return names
}

// Flags judges the flags that the inventory has at a path for a program.
func Flags(inv *inventory.Inventory, place, program string, given map[string]string) diag.List {
	version, err := inv.Version(program)
	if err != nil || len(given) == 0 {
		return nil // told elsewhere
	}
	list := Of(program, version)
	var found diag.List
	for _, flag := range slices.Sorted(maps.Keys(given)) {
		at := inv.Places.Near(append(strings.Split(place, "."), flag)...)
		want, known := list.Names[flag]
		switch {
		case !known:
			found = append(found, list.unknown(at, "flag", flag, program, version))
		case flag == "feature-gates" && program != "etcd":
			found = append(found, flagGates(inv, at, version, given[flag])...)
		case !takes(want, given[flag]):
			found = append(found, diag.Errorf(at, "Wrong value of a flag", "Flag %s of %s takes %s, not %s.", flag, program, wants[want], diag.Quote(given[flag])))
		}
	}
	return found
}

// wants is how the kinds of values in lists are told.
var wants = map[string]string{
	"number": "a whole number", "fraction": "a number", "duration": `a duration such as "30s"`, "bool": "true or false",
}

// takes does what the programs' own parsers do.
func takes(want, value string) bool {
	var err error
	switch want {
	case "number":
		_, err = strconv.ParseInt(value, 0, 64)
	case "fraction":
		_, err = strconv.ParseFloat(value, 64)
	case "duration":
		_, err = time.ParseDuration(value)
	case "bool":
		_, err = strconv.ParseBool(value)
	}
	return err == nil
}
