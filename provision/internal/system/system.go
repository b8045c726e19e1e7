package system

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"time"
)

// System is what a host kind acts on.
type System struct {
	Files  Files
	Runner Runner
	Units  Units
	Blobs  Blobs
	Signer Signer
	// Saved keeps originals that Restore needs (see resource.Keeper).
	Saved Saved
	// Now is the clock.
	Now func() time.Time
	// Point is called at each named kill point, for crash tests. Never nil.
	Point func(name string)
	// Kill ends a process, SIGKILL, and returns when it is gone.
	Kill func(ctx context.Context, pid int) error

	locks sync.Map // of name → *sync.Mutex
}

// Lock serialises what may not happen twice at once on a host (two edits of
// /etc/hosts, two runs of dpkg) while resources are applied in parallel.
func (s *System) Lock(name string) (unlock func()) {
	held, _ := s.locks.LoadOrStore(name, new(sync.Mutex))
	mutex := held.(*sync.Mutex)
	mutex.Lock()
	return mutex.Unlock
}

// Save persists what speeds up the next observation (the digest cache). It is
// called after an apply; observing never calls it.
func (s *System) Save() error {
	if saver, ok := s.Files.(interface{ SaveDigests() error }); ok {
		return saver.SaveDigests()
	}
	return nil
}

// Settle makes systemd read what was enabled and disabled, once for all.
func (s *System) Settle(ctx context.Context) error {
	if settler, ok := s.Units.(interface{ Settle(context.Context) error }); ok {
		return settler.Settle(ctx)
	}
	return nil
}

// Files is a host's file system. Paths are absolute; Root is put before them.
type Files interface {
	// Path is where the absolute path of the host really is, for code that
	// must hand a path to a command or library.
	Path(path string) string
	Lstat(path string) (Info, error)
	ReadFile(path string) ([]byte, error)
	Open(path string) (io.ReadCloser, error)
	ReadDir(path string) ([]fs.DirEntry, error)
	Readlink(path string) (string, error)
	// Digest is the sha256 of a file's content in hex. It may be answered from
	// a cache keyed by device, inode, size, mtime and ctime.
	Digest(path string) (string, error)
	// WriteFile replaces path atomically: temporary file in the same folder,
	// owner and mode set before any content, fsync, rename, fsync of the folder.
	WriteFile(path string, content io.Reader, attr Attr) error
	// Link makes path a hard link to the existing file, replacing path
	// atomically; across file systems it copies.
	Link(existing, path string, attr Attr) error
	// Symlink makes path a symbolic link to target, replacing a file or link
	// atomically.
	Symlink(target, path string) error
	// Rename moves a file, link or folder within its file system.
	Rename(from, to string) error
	// Overwrite writes into an existing file in place, for /proc and /sys.
	Overwrite(path string, content []byte) error
	// Mkdir makes a folder and its missing parents; owner and mode are those
	// of the last one only.
	Mkdir(path string, attr Attr) error
	SetAttr(path string, attr Attr) error
	// Remove removes a file, a link or an empty folder; missing is no error.
	// What a killed WriteFile, Link or Symlink of path left behind goes too.
	Remove(path string) error
	// RemoveAll removes a tree without following links or leaving its file system.
	RemoveAll(path string) error
}

// Attr is owner and permission bits (including setuid, setgid, sticky as in
// chmod(2)'s octal).
type Attr struct {
	UID  int    `json:"uid"`
	GID  int    `json:"gid"`
	Mode uint32 `json:"mode"`
}

// Info is what Lstat tells.
type Info struct {
	Attr
	Type  string // "file", "directory", "symlink", "other"
	Size  int64
	MTime time.Time
}

// Result is a finished command. Output that exceeds 64 KiB is cut in the middle.
type Result struct {
	Stdout, Stderr []byte
	Code           int
}

// Command is an argv with its input. Nothing here ever goes through a shell.
type Command struct {
	Argv  []string
	Env   []string // added to a minimal environment
	Stdin io.Reader
}

// CommandError is a command that ended with a code other than 0, or that could
// not be started (Code -1).
type CommandError struct {
	Argv []string
	Code int
	// Tail is the end of its standard error, or of its output when that is empty.
	Tail string
	Err  error
}

// Error names the command, its code and the tail of its output.
func (e *CommandError) Error() string {
	what := "running " + strings.Join(e.Argv, " ")
	if e.Code < 0 {
		return fmt.Sprintf("%s: %v", what, e.Err)
	}
	if e.Tail == "" {
		return fmt.Sprintf("%s: exit code %d", what, e.Code)
	}
	return fmt.Sprintf("%s: exit code %d: %s", what, e.Code, e.Tail)
}

// Unwrap returns the cause, for errors.Is.
func (e *CommandError) Unwrap() error { return e.Err }

// Runner runs commands on the host.
type Runner interface {
	// Run waits for the command. A code other than 0 is a *CommandError,
	// which carries argv, code and the tail of the output.
	Run(ctx context.Context, command Command) (Result, error)
	// LookPath is exec.LookPath on the host; "" when there is none.
	LookPath(name string) string
}

// UnitStatus is what systemd says of a unit.
type UnitStatus struct {
	LoadState     string // loaded, not-found, masked…
	ActiveState   string // active, inactive, failed, activating…
	SubState      string
	UnitFileState string // enabled, disabled, static, masked, ""…
	FragmentPath  string
	InvocationID  string // hex; "" when it never ran
	NeedReload    bool   // unit file changed on disk since it was loaded
	DropIns       []string
	Since         time.Time // when it became active
}

// Units is the host's systemd.
type Units interface {
	Status(ctx context.Context, unit string) (UnitStatus, error)
	// Service says how a service has been running.
	Service(ctx context.Context, unit string) (ServiceStatus, error)
	// Start, Stop, Restart, Reload queue a job with mode "replace" and wait for
	// its end; for Type=notify units Start ends when the unit says it is ready.
	// A failed job's error carries the unit's last log lines.
	Start(ctx context.Context, unit string) error
	// StartNoWait queues the start job and returns.
	StartNoWait(ctx context.Context, unit string) error
	Stop(ctx context.Context, unit string) error
	Restart(ctx context.Context, unit string) error
	Reload(ctx context.Context, unit string) error
	// Enable and Disable show in Status at once; what follows from the links
	// does so after System.Settle.
	Enable(ctx context.Context, unit string) error
	Disable(ctx context.Context, unit string) error
	Mask(ctx context.Context, unit string) error
	Unmask(ctx context.Context, unit string) error
	// DaemonReload makes systemd read unit files anew.
	DaemonReload(ctx context.Context) error
	ResetFailed(ctx context.Context, unit string) error
}

// Blobs is the host's content-addressed store. What it opens was verified.
type Blobs interface {
	// Path is the file of a verified blob (a path of the host: see Files.Path),
	// or an error that wraps fs.ErrNotExist when it is missing.
	Path(sha256 string) (string, error)
	Open(sha256 string) (io.ReadCloser, int64, error)
}

// Signer turns a certificate request into a certificate. On a host it asks the
// operator, who asks the agent of a host that holds the CA's key.
type Signer interface {
	// Sign returns the certificate as PEM. The CA decides lifetime and usages
	// from the profile; csr is DER.
	Sign(ctx context.Context, request SignRequest) ([]byte, error)
}

// SignRequest names a CA ("cluster", "etcd", "front-proxy") and what the
// certificate may do.
type SignRequest struct {
	CA     string        `json:"ca"`
	CSR    []byte        `json:"csr"` // DER
	Server bool          `json:"server,omitempty"`
	Client bool          `json:"client,omitempty"`
	Life   time.Duration `json:"life"`
}

// Saved keeps byte strings under /var/lib/provision, root-only, named by their
// sha256, fsynced.
type Saved interface {
	Put(content io.Reader) (sha256 string, err error)
	Open(sha256 string) (io.ReadCloser, error)
}
