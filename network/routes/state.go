package routes

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Load reads the Nodes that were kept; none is no error.
func Load(path string) ([]Node, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var nodes []Node
	if err == nil {
		err = json.Unmarshal(content, &nodes)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the Nodes kept in %s: %w", path, err)
	}
	return nodes, nil
}

// Save keeps Nodes for the next start, root-only. After a power cut there is the
// old file or the new one.
func Save(path string, nodes []Node) error {
	content, err := json.Marshal(nodes)
	if err == nil {
		err = replace(path, content)
	}
	if err != nil {
		return fmt.Errorf("cannot keep the Nodes in %s: %w", path, err)
	}
	return nil
}

func replace(path string, content []byte) error {
	aside := path + ".new"
	f, err := os.OpenFile(aside, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(aside, path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
