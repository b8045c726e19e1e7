package archive

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"

	"provision/provision/internal/system"
)

// maxWindow bounds the memory that an archive can ask for.
const maxWindow = 128 << 20

// extract unpacks a tar.zst into the folder. Everything becomes root's; an
// entry that could reach out of the folder is an error.
func extract(ctx context.Context, sys *system.System, content io.Reader, folder string) error {
	unpacker, err := zstd.NewReader(content, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return fmt.Errorf("reading archive: %w", err)
	}
	defer unpacker.Close()
	entries := tar.NewReader(unpacker)
	for {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading archive: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := extractEntry(sys, header, entries, folder); err != nil {
			return err
		}
	}
}

func extractEntry(sys *system.System, header *tar.Header, content io.Reader, folder string) error {
	name, err := inside(header)
	if err != nil {
		return err
	}
	if name == "." {
		return nil
	}
	target := folder + "/" + name
	attr := system.Attr{Mode: uint32(header.Mode) & 0o755}
	switch header.Typeflag {
	case tar.TypeDir:
		return sys.Files.Mkdir(target, system.Attr{Mode: 0o755})
	case tar.TypeReg:
		if err := sys.Files.Mkdir(path.Dir(target), system.Attr{Mode: 0o755}); err != nil {
			return err
		}
		return sys.Files.WriteFile(target, content, attr)
	case tar.TypeSymlink:
		if err := sys.Files.Mkdir(path.Dir(target), system.Attr{Mode: 0o755}); err != nil {
			return err
		}
		return sys.Files.Symlink(header.Linkname, target)
	}
	return fmt.Errorf("refusing entry %q: type %q is neither file, folder nor link", header.Name, header.Typeflag)
}

// inside returns the entry's path below the folder, or refuses it.
func inside(header *tar.Header) (string, error) {
	if header.Mode&0o6000 != 0 {
		return "", fmt.Errorf("refusing entry %q: setuid or setgid", header.Name)
	}
	name := path.Clean(header.Name)
	if leaves(name) || strings.ContainsRune(name, 0) {
		return "", fmt.Errorf("refusing entry %q: it leaves the folder", header.Name)
	}
	if header.Typeflag == tar.TypeSymlink && (path.IsAbs(header.Linkname) || leaves(path.Join(path.Dir(name), header.Linkname))) {
		return "", fmt.Errorf("refusing entry %q: its target %q leaves the folder", header.Name, header.Linkname)
	}
	return name, nil
}

func leaves(name string) bool {
	return path.IsAbs(name) || name == ".." || strings.HasPrefix(name, "../")
}
