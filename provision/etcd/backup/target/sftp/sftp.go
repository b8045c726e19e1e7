package sftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"provision/provision/etcd/backup"
	"provision/provision/etcd/backup/target"
)

const (
	partSuffix = ".part"
	stale      = 24 * time.Hour
	dialing    = 15 * time.Second
)

// algorithms of host keys, one dial each until the pinned key is shown: a server
// shows one key a connection.
var algorithms = [][]string{
	{ssh.KeyAlgoED25519}, {ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521}, {ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256},
}

// Folder is a target.Target on an SFTP server.
type Folder struct {
	name   string
	spec   target.SFTP
	signer ssh.Signer

	mu     sync.Mutex
	conn   *ssh.Client
	client *sftp.Client
}

var _ target.Target = (*Folder)(nil)

// Open prepares a folder; the server is reached when it is used.
func Open(name string, spec target.SFTP) (*Folder, error) {
	signer, err := ssh.ParsePrivateKey(spec.Key.Bytes())
	if err != nil {
		return nil, fmt.Errorf("target %s: its key is not a private key of OpenSSH without passphrase", name)
	}
	return &Folder{name: name, spec: spec, signer: signer}, nil
}

// Name implements target.Target.
func (f *Folder) Name() string { return f.name }

// Close implements target.Target.
func (f *Folder) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop()
	return nil
}

func (f *Folder) drop() {
	if f.conn != nil {
		_ = f.client.Close()
		_ = f.conn.Close()
		f.conn, f.client = nil, nil
	}
}

// use runs something on a connection, which is closed when the context ends
// first: the protocol has no other way to be interrupted.
func (f *Folder) use(ctx context.Context, do func(*sftp.Client) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conn == nil {
		if err := f.dial(ctx); err != nil {
			return fmt.Errorf("target %s: %w", f.name, err)
		}
	}
	conn := f.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	err := do(f.client)
	if !stop() {
		f.drop()
		return errors.Join(ctx.Err(), err)
	}
	var answered *sftp.StatusError
	if err != nil && !errors.As(err, &answered) && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		f.drop() // perhaps it is dead
	}
	return err
}

var errKey = errors.New("another host key")

func (f *Folder) dial(ctx context.Context) error {
	var shown []string
	for _, algorithm := range algorithms {
		config := &ssh.ClientConfig{
			User: f.spec.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(f.signer)}, HostKeyAlgorithms: algorithm, Timeout: dialing,
			HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
				if print := ssh.FingerprintSHA256(key); print != f.spec.HostKey {
					shown = append(shown, key.Type()+" "+print)
					return errKey
				}
				return nil
			},
		}
		err := f.connect(ctx, config)
		if err == nil {
			return nil
		}
		if !errors.Is(err, errKey) && !strings.Contains(err.Error(), "no common algorithm for host key") {
			return err
		}
	}
	return fmt.Errorf("server %s does not have the key %s but %s; if it was given a new key on purpose, write that as host_key", f.spec.Address, f.spec.HostKey, strings.Join(shown, ", "))
}

func (f *Folder) connect(ctx context.Context, config *ssh.ClientConfig) error {
	dial := f.spec.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialing}).DialContext
	}
	raw, err := dial(ctx, "tcp", f.spec.Address)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	_ = raw.SetDeadline(time.Now().Add(dialing)) // for the handshake
	conn, channels, requests, err := ssh.NewClientConn(raw, f.spec.Address, config)
	if err != nil {
		_ = raw.Close()
		return fmt.Errorf("logging in at %s as %s: %w", f.spec.Address, f.spec.User, err)
	}
	_ = raw.SetDeadline(time.Time{})
	f.conn = ssh.NewClient(conn, channels, requests)
	if f.client, err = sftp.NewClient(f.conn, sftp.UseConcurrentWrites(true)); err != nil {
		_ = f.conn.Close()
		f.conn = nil
		return fmt.Errorf("starting SFTP at %s: %w", f.spec.Address, err)
	}
	return nil
}

func (f *Folder) path(name string) string { return path.Join(f.spec.Path, name) }

// Put implements target.Target.
func (f *Folder) Put(ctx context.Context, name string, content io.ReadSeeker, size int64) error {
	if err := target.CheckName(name); err != nil {
		return err
	}
	to := f.path(name)
	part := path.Join(path.Dir(to), "."+path.Base(to)+partSuffix)
	return f.use(ctx, func(c *sftp.Client) error {
		if err := c.MkdirAll(path.Dir(to)); err != nil {
			return f.failed("writing", name, err)
		}
		sweep(c, path.Dir(to))
		err := fill(ctx, c, part, content, size)
		if err == nil {
			err = c.PosixRename(part, to)
		}
		if err != nil {
			_ = c.Remove(part)
			return f.failed("writing", name, err)
		}
		return nil
	})
}

func fill(ctx context.Context, c *sftp.Client, part string, content io.Reader, size int64) error {
	file, err := c.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	n, err := file.ReadFrom(backup.Reader(ctx, io.LimitReader(content, size+1)))
	if err == nil && n != size {
		err = fmt.Errorf("%d bytes came where %d were announced", n, size)
	}
	if err == nil {
		err = file.Chmod(0o600)
	}
	if _, can := c.HasExtension("fsync@openssh.com"); err == nil && can {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// sweep removes what killed writers left.
func sweep(c *sftp.Client, dir string) {
	entries, err := c.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") && strings.HasSuffix(e.Name(), partSuffix) && time.Since(e.ModTime()) > stale {
			_ = c.Remove(path.Join(dir, e.Name()))
		}
	}
}

// Get implements target.Target. The file has a connection's lock until it is
// closed, as every other call.
func (f *Folder) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := target.CheckName(name); err != nil {
		return nil, err
	}
	var file *sftp.File
	err := f.use(ctx, func(c *sftp.Client) error {
		var err error
		if file, err = c.Open(f.path(name)); err != nil {
			return f.failed("reading", name, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &reading{file, context.AfterFunc(ctx, func() { _ = file.Close() })}, nil
}

type reading struct {
	*sftp.File
	stop func() bool
}

func (r *reading) Close() error {
	r.stop()
	return r.File.Close()
}

// List implements target.Target.
func (f *Folder) List(ctx context.Context, prefix string) ([]target.Info, error) {
	var list []target.Info
	err := f.use(ctx, func(c *sftp.Client) error {
		err := f.walk(ctx, c, "", prefix, &list)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // nothing was stored yet
		}
		if err != nil {
			return f.failed("listing", prefix, err)
		}
		return nil
	})
	slices.SortFunc(list, func(a, b target.Info) int { return strings.Compare(a.Name, b.Name) })
	return list, err
}

func (f *Folder) walk(ctx context.Context, c *sftp.Client, dir, prefix string, list *[]target.Info) error {
	entries, err := c.ReadDirContext(ctx, f.path(dir))
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if target.CheckName(name) != nil {
			continue
		}
		switch {
		case e.IsDir() && (strings.HasPrefix(name+"/", prefix) || strings.HasPrefix(prefix, name+"/")):
			if err := f.walk(ctx, c, name, prefix, list); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		case e.Mode().IsRegular() && strings.HasPrefix(name, prefix):
			*list = append(*list, target.Info{Name: name, Size: e.Size(), Modified: e.ModTime()})
		}
	}
	return nil
}

// Delete implements target.Target.
func (f *Folder) Delete(ctx context.Context, name string) error {
	if err := target.CheckName(name); err != nil {
		return err
	}
	return f.use(ctx, func(c *sftp.Client) error {
		if err := c.Remove(f.path(name)); err != nil {
			return f.failed("deleting", name, err)
		}
		return nil
	})
}

func (f *Folder) failed(doing, name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.Join(target.ErrNotFound, err)
	}
	return fmt.Errorf("%s %s at %s: %w", doing, f.path(name), f.spec.Address, err)
}
