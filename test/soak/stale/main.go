package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"provision/test/soak"
)

// The lines of a page between which the list stands.
const (
	begin = "<!-- soaks: make soaks -->\n"
	end   = "<!-- end of soaks -->\n"
)

func main() {
	page := flag.String("update", "", "write the list into this page")
	flag.Parse()
	list, err := table(".")
	if err == nil && *page != "" {
		err = update(*page, list)
	} else if err == nil {
		_, err = os.Stdout.WriteString(list)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "stale:", err)
		os.Exit(1)
	}
}

// table is the list as Markdown.
func table(root string) (string, error) {
	var b strings.Builder
	b.WriteString("| Soak | Test | Ran on | Of | Result |\n|---|---|---|---|---|\n")
	for _, s := range soak.Soaks() {
		head, err := soak.Read(root, s.Name)
		if err != nil {
			return "", err
		}
		stale, err := soak.Stale(root, s)
		if err != nil {
			return "", err
		}
		state := "current"
		if stale {
			state = "stale: the code has changed since"
		}
		day, _, _ := strings.Cut(head.Date, "T")
		fmt.Fprintf(&b, "| %s | `%s` | %.8s | %s | %s |\n", s.Name, s.Test, head.Commit, day, state)
	}
	return b.String(), nil
}

// update replaces what stands between the two lines of a page.
func update(page, list string) error {
	raw, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(raw), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return fmt.Errorf("%s has no lines %q and %q", page, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return os.WriteFile(page, []byte(before+begin+list+end+after), 0o644)
}
