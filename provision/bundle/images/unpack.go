package images

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// tarOf reads a tar archive, gzipped or not.
func tarOf(f *os.File) (*tar.Reader, error) {
	head, err := bufio.NewReader(f).Peek(2)
	if err != nil {
		return nil, ErrNotImages
	}
	zipped := bytes.Equal(head, []byte{0x1f, 0x8b})
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	if !zipped {
		return tar.NewReader(f), nil // seeks over what nobody reads
	}
	gz, err := gzip.NewReader(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotImages, err)
	}
	return tar.NewReader(gz), nil
}

func unpackEntry(root *os.Root, h *tar.Header, content io.Reader) error {
	name := path.Clean(h.Name)
	switch h.Typeflag {
	case tar.TypeReg:
		if err := root.MkdirAll(path.Dir(name), 0o700); err != nil {
			return err
		}
		f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, fs.ErrExist) {
			return errors.New("it is in the archive twice")
		}
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		return errors.Join(err, f.Close())
	case tar.TypeSymlink, tar.TypeLink: // old archives link layers that they share
		if err := root.MkdirAll(path.Dir(name), 0o700); err != nil {
			return err
		}
		if h.Typeflag == tar.TypeLink {
			return root.Link(path.Clean(h.Linkname), name)
		}
		return root.Symlink(h.Linkname, name)
	}
	return nil
}
