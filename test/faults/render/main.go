package main

import (
	"fmt"
	"os"

	"provision/test/faults"
)

const page = "docs/faults.md"

func main() {
	if err := render(); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func render() error {
	rows, err := faults.Recorded(faults.Folder())
	if err != nil {
		return err
	}
	raw, err := os.ReadFile(page)
	if err != nil {
		return fmt.Errorf("reading the page of faults: %w", err)
	}
	merged, err := faults.Merge(string(raw), rows)
	if err != nil {
		return err
	}
	fmt.Printf("%d rows merged into %s\n", len(rows), page)
	return os.WriteFile(page, []byte(merged), 0o644)
}
