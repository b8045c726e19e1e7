package support

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"
	"time"
)

// Limits of an archive, before compression.
const (
	maxFile  = 2 << 20
	maxTotal = 256 << 20
)

// Archive is a tar.gz of texts. What is put in is masked and bounded. Its
// methods may be called at once from several goroutines.
type Archive struct {
	mask *Mask
	root string
	now  time.Time
	// file and all are the limits.
	file int
	all  int64

	mu    sync.Mutex
	gzip  *gzip.Writer
	tar   *tar.Writer
	total int64
	full  bool
	names []string
	err   error
}

// New starts an archive; all its files lie in the folder root.
func New(w io.Writer, root string, now time.Time, mask *Mask) *Archive {
	zipped := gzip.NewWriter(w)
	return &Archive{mask: mask, root: root, now: now, file: maxFile, all: maxTotal, gzip: zipped, tar: tar.NewWriter(zipped)}
}

// Add puts in a text. One that is too long keeps its end, where logs tell most.
func (a *Archive) Add(name string, text []byte) {
	text = a.mask.Bytes(text)
	if cut := len(text) - a.file; cut > 0 {
		text = append(fmt.Appendf(nil, "[%d bytes left out]\n", cut), text[cut:]...)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.total += int64(len(text)); a.total > a.all {
		a.full = true
		return
	}
	a.write(name, text)
}

// JSON puts in a value.
func (a *Archive) JSON(name string, value any) {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		text = []byte("cannot be written as JSON: " + err.Error())
	}
	a.Add(name, append(text, '\n'))
}

// Failed notes what could not be had.
func (a *Archive) Failed(name string, err error) {
	a.Add(name+".error.txt", []byte(err.Error()+"\n"))
}

func (a *Archive) write(name string, text []byte) {
	if a.err != nil {
		return
	}
	name = Name(name)
	header := &tar.Header{Name: a.root + "/" + name, Mode: 0o600, Size: int64(len(text)), ModTime: a.now, Typeflag: tar.TypeReg}
	if a.err = a.tar.WriteHeader(header); a.err == nil {
		_, a.err = a.tar.Write(text)
	}
	a.names = append(a.names, name)
}

// Close ends the archive and returns the names of what is in it.
func (a *Archive) Close() ([]string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.full {
		a.write("TRUNCATED.txt", []byte("The archive has reached its greatest size; what came later was left out.\n"))
	}
	for _, closer := range []io.Closer{a.tar, a.gzip} {
		if err := closer.Close(); a.err == nil {
			a.err = err
		}
	}
	if a.err != nil {
		return nil, fmt.Errorf("writing the archive: %w", a.err)
	}
	return a.names, nil
}

// Name is a file name that stays in its folder: hosts and units name files.
func Name(name string) string {
	parts := strings.Split(name, "/")
	for i, part := range parts {
		parts[i] = strings.Map(func(r rune) rune {
			if r == '.' || r == '-' || r == '_' || r == '@' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
				return r
			}
			return '_'
		}, part)
	}
	return strings.TrimPrefix(path.Clean("/"+strings.Join(parts, "/")), "/")
}
