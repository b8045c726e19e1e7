package cli

import (
	"fmt"
	"io"
	"os"

	"provision/provision/bundle"
	"provision/provision/bundle/store"
)

// storeView is the operator's store as the façade wants it.
type storeView struct{ store *store.Store }

func (v *storeView) Resolve(ref bundle.Ref) ([]bundle.Artifact, error) { return v.store.Resolve(ref) }

func (v *storeView) OpenAt(sha256 string, offset int64) (io.ReadCloser, error) {
	file, err := v.store.Open(sha256)
	if err != nil {
		return nil, err
	}
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		file.Close()
		return nil, fmt.Errorf("reading blob %s: %w", sha256, err)
	}
	return file, nil
}

// Known are the artifacts of the records; what the store cannot list it does
// not know.
func (v *storeView) Known() []bundle.Artifact {
	records, err := v.store.List()
	if err != nil {
		return nil
	}
	var list []bundle.Artifact
	for _, r := range records {
		list = append(list, r.Artifacts...)
	}
	return list
}

func (v *storeView) Size(sha256 string) (int64, error) {
	path, err := v.store.Path(sha256)
	if err != nil {
		return 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, fmt.Errorf("reading blob %s: %w", sha256, err)
	}
	return info.Size(), nil
}
