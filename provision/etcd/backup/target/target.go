package target

import (
	"context"
	"errors"
	"io"
	"time"
)

// Errors that targets wrap.
var (
	// ErrNotFound is Get's and Delete's for an object that is not there.
	ErrNotFound = errors.New("no such object")
	// ErrLocked is Delete's for an object that the target keeps for a while.
	ErrLocked = errors.New("the object is locked")
)

// Info is what List says of an object.
type Info struct {
	Name     string // below the root, with slashes
	Size     int64
	Modified time.Time
}

// Target is a store of objects below a root. Names have slashes and no "..".
// What was put is whole or not there: a Put that fails or is killed leaves no
// object under the name.
type Target interface {
	// Name is how the inventory calls it; that of a folder has its host: "local/m1".
	Name() string
	// Put stores size bytes; an object of that name is replaced.
	Put(ctx context.Context, name string, content io.ReadSeeker, size int64) error
	// Get opens an object. Who reads to the end gets its bytes or an error.
	Get(ctx context.Context, name string) (io.ReadCloser, error)
	// List is all objects whose names begin with prefix, sorted by name. Nothing
	// there is no error.
	List(ctx context.Context, prefix string) ([]Info, error)
	// Delete removes an object.
	Delete(ctx context.Context, name string) error
	// Close ends connections.
	Close() error
}
