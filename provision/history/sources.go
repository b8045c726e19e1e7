package history

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Sources are an inventory as it was written: env(), file() and variables are
// not in it, so no secret is.
type Sources struct {
	Format int `json:"format"`
	// Files are the *.hcl by their path below the folder that has them all.
	Files map[string]string `json:"files"`
}

// NewSources takes files by the paths under which they were read, and returns
// the folder that has them all.
func NewSources(files map[string][]byte) (Sources, string) {
	s := Sources{Format: Format, Files: map[string]string{}}
	folder := common(files)
	for name, content := range files {
		s.Files[below(folder, name)] = string(content)
	}
	return s, folder
}

// common is the deepest folder that has all files.
func common(files map[string][]byte) string {
	folder, first := "", true
	for name := range files {
		dir := filepath.Dir(name)
		if first {
			folder, first = dir, false
		}
		for folder != dir && !strings.HasPrefix(dir, strings.TrimSuffix(folder, "/")+"/") && folder != filepath.Dir(folder) {
			folder = filepath.Dir(folder)
		}
	}
	return folder
}

// below is the path of a file from the folder that has it.
func below(folder, name string) string {
	if rel, err := filepath.Rel(folder, name); err == nil {
		return filepath.ToSlash(rel)
	}
	return filepath.Base(name)
}

// Encode packs the sources and names them by what they are.
func (s Sources) Encode() (digest string, raw []byte, err error) {
	plain, err := json.Marshal(s)
	if err != nil {
		return "", nil, fmt.Errorf("writing the inventory's record: %w", err)
	}
	sum := sha256.Sum256(plain)
	raw, err = pack(s)
	return hex.EncodeToString(sum[:]), raw, err
}

// DecodeSources unpacks the sources of that digest.
func DecodeSources(digest string, raw []byte) (Sources, error) {
	var s Sources
	if err := unpack(raw, &s); err != nil {
		return Sources{}, err
	}
	if s.Format > Format {
		return Sources{}, fmt.Errorf("%w (format %d, this one knows %d)", errNewer, s.Format, Format)
	}
	plain, err := json.Marshal(s)
	if err != nil {
		return Sources{}, fmt.Errorf("reading the inventory's record: %w", err)
	}
	if sum := sha256.Sum256(plain); hex.EncodeToString(sum[:]) != digest || len(s.Files) == 0 {
		return Sources{}, errDamaged
	}
	for name := range s.Files {
		if !inside(name) {
			return Sources{}, errDamaged
		}
	}
	return s, nil
}

// inside reports whether a path stays in the folder that it is put into.
func inside(name string) bool {
	return name != "" && !path.IsAbs(name) && path.Clean(name) == name && !slices.Contains(strings.Split(name, "/"), "..") &&
		strings.HasSuffix(name, ".hcl") && !strings.ContainsAny(name, "\x00\n\r\\")
}

// At are the files below a folder.
func (s Sources) At(folder string) map[string][]byte {
	files := map[string][]byte{}
	for name, content := range s.Files {
		files[filepath.Join(folder, filepath.FromSlash(name))] = []byte(content)
	}
	return files
}
