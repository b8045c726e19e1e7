package systemfake

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// load reads a fake's state; a missing file is the zero state.
func load[T any](root, path string) (T, error) {
	var state T
	content, err := os.ReadFile(filepath.Join(root, path))
	if errors.Is(err, fs.ErrNotExist) {
		return state, nil
	}
	if err == nil {
		err = json.Unmarshal(content, &state)
	}
	if err != nil {
		return state, fmt.Errorf("reading fake state %s: %w", path, err)
	}
	return state, nil
}

// store writes it by rename: a kill never leaves half of it.
func store(root, path string, state any) error {
	content, err := json.MarshalIndent(state, "", " ")
	if err != nil {
		return fmt.Errorf("writing fake state %s: %w", path, err)
	}
	real := filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(real), 0o755); err != nil {
		return fmt.Errorf("writing fake state %s: %w", path, err)
	}
	if err := os.WriteFile(real+".new", content, 0o644); err != nil {
		return fmt.Errorf("writing fake state %s: %w", path, err)
	}
	return os.Rename(real+".new", real)
}
