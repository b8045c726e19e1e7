package restore

import (
	"io"
	"os"

	"provision/provision/etcd/snapshot"
	"provision/provision/survey"
)

// With is a store that has the snapshot, too.
func With(store survey.Store, file *snapshot.File) survey.Store { return withFile{store, file} }

type withFile struct {
	survey.Store
	file *snapshot.File
}

// OpenAt implements survey.Store.
func (w withFile) OpenAt(sha256 string, offset int64) (io.ReadCloser, error) {
	if sha256 != w.file.SHA256 {
		return w.Store.OpenAt(sha256, offset)
	}
	in, err := os.Open(w.file.Path)
	if err != nil {
		return nil, err
	}
	if _, err := in.Seek(offset, io.SeekStart); err != nil {
		_ = in.Close()
		return nil, err
	}
	return in, nil
}

// Size implements survey.Store.
func (w withFile) Size(sha256 string) (int64, error) {
	if sha256 == w.file.SHA256 {
		return w.file.Size, nil
	}
	return w.Store.Size(sha256)
}
