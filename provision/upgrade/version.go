package upgrade

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Version of a program: 1.37.1, or 1.38.0-rc.1. The zero Version is unknown.
type Version struct {
	Major, Minor, Patch int
	Pre                 string // rc.1
}

// Parse reads a version with or without a leading v. What follows a '+' says
// nothing about order and is dropped.
func Parse(text string) (Version, error) {
	plain, _, _ := strings.Cut(strings.TrimPrefix(text, "v"), "+")
	numbers, pre, _ := strings.Cut(plain, "-")
	parts := strings.Split(numbers, ".")
	v := Version{Pre: pre}
	if len(parts) != 3 {
		return Version{}, fmt.Errorf("%q is not a version: it needs three numbers", text)
	}
	for i, to := range []*int{&v.Major, &v.Minor, &v.Patch} {
		n, err := strconv.Atoi(parts[i])
		if err != nil || n < 0 || n > 1<<20 || len(parts[i]) > 1 && parts[i][0] == '0' {
			return Version{}, fmt.Errorf("%q is not a version: %q is not a number", text, parts[i])
		}
		*to = n
	}
	return v, nil
}

// Known is false for the zero Version.
func (v Version) Known() bool { return v != Version{} }

func (v Version) String() string {
	text := fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
	if v.Pre != "" {
		text += "-" + v.Pre
	}
	return text
}

// Line is the minor release that the version belongs to: 1.37.
func (v Version) Line() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// Compare orders versions; what comes before a release is older than it.
func (v Version) Compare(w Version) int {
	if c := cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch)); c != 0 {
		return c
	}
	switch {
	case v.Pre == w.Pre:
		return 0
	case v.Pre == "":
		return 1
	case w.Pre == "":
		return -1
	}
	return comparePre(v.Pre, w.Pre)
}

// comparePre orders by identifiers: numbers by value and before words.
func comparePre(a, b string) int {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(x), len(y)) {
		m, errM := strconv.Atoi(x[i])
		n, errN := strconv.Atoi(y[i])
		c := cmp.Compare(x[i], y[i])
		switch {
		case errM == nil && errN == nil:
			c = cmp.Compare(m, n)
		case errM == nil:
			c = -1
		case errN == nil:
			c = 1
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(len(x), len(y))
}

// ahead is by how many minor releases v is newer than w. Another major release
// is farther than any number of minor ones.
func (v Version) ahead(w Version) int {
	return (v.Major-w.Major)*1000 + v.Minor - w.Minor
}
