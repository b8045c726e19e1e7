package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	begin = "<!-- rows: written by make faults -->"
	end   = "<!-- end of rows -->"
	head  = "| Id | Promise | How it was provoked | Measured | Test | Date |\n|---|---|---|---|---|---|\n"
)

// Parse reads the rows of a page, by id.
func Parse(page string) (map[string]Row, error) {
	_, rest, ok := strings.Cut(page, begin)
	table, _, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return nil, errors.New("reading the page of faults: the marks around its rows are missing")
	}
	rows := map[string]Row{}
	for line := range strings.Lines(table) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "| Id ") || strings.HasPrefix(line, "|---") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if len(cells) != 6 {
			return nil, fmt.Errorf("reading the page of faults: %d cells where 6 are expected: %s", len(cells), line)
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		id := strings.Trim(cells[0], "`")
		rows[id] = Row{ID: id, Promise: cells[1], Provoked: cells[2], Figure: cells[3], Test: strings.Trim(cells[4], "`"), Date: cells[5]}
	}
	return rows, nil
}

// Merge puts rows into a page; a row of the same id is replaced.
func Merge(page string, rows []Row) (string, error) {
	known, err := Parse(page)
	if err != nil {
		return "", err
	}
	for _, row := range rows {
		known[row.ID] = row
	}
	var b strings.Builder
	b.WriteString(head)
	for _, id := range slices.Sorted(maps.Keys(known)) {
		r := known[id]
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | `%s` | %s |\n", id, cell(r.Promise), cell(r.Provoked), cell(r.Figure), r.Test, r.Date)
	}
	before, rest, _ := strings.Cut(page, begin)
	_, after, _ := strings.Cut(rest, end)
	return before + begin + "\n" + b.String() + end + after, nil
}

func cell(text string) string {
	return strings.NewReplacer("|", "/", "\n", " ").Replace(text)
}

// Recorded reads the rows in a folder.
func Recorded(folder string) ([]Row, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("listing recorded rows: %w", err)
	}
	rows := make([]Row, 0, len(paths))
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading recorded row: %w", err)
		}
		var row Row
		if err := json.Unmarshal(raw, &row); err != nil {
			return nil, fmt.Errorf("reading recorded row %s: %w", path, err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}
