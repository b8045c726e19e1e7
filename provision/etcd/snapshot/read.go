package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"
)

// File is what a snapshot holds.
type File struct {
	Path   string
	Size   int64
	SHA256 string // of the whole file, hex
	// Bare: no digest of etcd's stands at the end.
	Bare bool

	Revision int64 // its latest
	Keys     int64 // those that are not deleted
	// Version is etcd's version of the database, "3.7.0"; "" for one of 3.5 or
	// earlier.
	Version string
	Members []string // names, sorted
	// Authorities are the certificates of the cluster's authority (PEM) that pods
	// are told.
	Authorities []string
	// EncryptionKeys are the names of the keys with which Secrets are encrypted.
	EncryptionKeys []string
}

// page is what sizes of databases are multiples of, at least.
const page = 512

// Read reads a snapshot. bare accepts one that has no digest at its end, because
// something else vouches for it.
func Read(path string, bare bool) (*File, error) {
	f, err := digests(path)
	if err != nil {
		return nil, err
	}
	if f.Bare && !bare {
		return nil, fmt.Errorf("%s has no digest of etcd's at its end: it is cut, or a copy of a data folder and no snapshot; give a file that \"etcdctl snapshot save\" wrote", path)
	}
	if err := f.look(); err != nil {
		return nil, fmt.Errorf("%s is no database of etcd: %w; give another backup", path, err)
	}
	return f, nil
}

// digests reads the file once, and checks the digest at its end.
func digests(path string) (*File, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the snapshot: %w", err)
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the snapshot: %w", err)
	}
	f := &File{Path: path, Size: info.Size()}
	if !info.Mode().IsRegular() || f.Size == 0 {
		return nil, fmt.Errorf("%s is empty, or no file: it is no snapshot of etcd; give another backup", path)
	}
	whole := sha256.New()
	f.Bare = f.Size%page != sha256.Size
	body := f.Size
	if !f.Bare {
		body -= sha256.Size
	}
	inner := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(inner, whole), in, body); err != nil {
		return nil, fmt.Errorf("reading the snapshot: %w", err)
	}
	tail, err := io.ReadAll(io.TeeReader(in, whole))
	if err != nil {
		return nil, fmt.Errorf("reading the snapshot: %w", err)
	}
	if !f.Bare && !bytes.Equal(tail, inner.Sum(nil)) {
		return nil, fmt.Errorf("%s (%d bytes) does not have the digest that etcd gave it: it was changed or cut on its way; give another copy, or another backup", path, f.Size)
	}
	f.SHA256 = hex.EncodeToString(whole.Sum(nil))
	return f, nil
}

// look opens the database. Damage that a digest does not show makes bbolt panic.
func (f *File) look() (err error) {
	defer func() {
		if broken := recover(); broken != nil {
			err = fmt.Errorf("it is damaged: %v", broken)
		}
	}()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	db, err := bbolt.Open(f.Path, 0o400, &bbolt.Options{ReadOnly: true, Timeout: 5 * time.Second})
	if err != nil {
		return err
	}
	defer db.Close()
	return db.View(f.view)
}

func (f *File) view(tx *bbolt.Tx) error {
	meta, members, keys := tx.Bucket([]byte("meta")), tx.Bucket([]byte("members")), tx.Bucket([]byte("key"))
	if meta == nil || keys == nil {
		return bolterrors.ErrBucketNotFound
	}
	f.Version = string(meta.Get([]byte("storageVersion")))
	if members != nil {
		_ = members.ForEach(func(_, v []byte) error {
			var m struct{ Name string }
			if json.Unmarshal(v, &m) == nil && m.Name != "" {
				f.Members = append(f.Members, m.Name)
			}
			return nil
		})
		slices.Sort(f.Members)
	}
	return f.read(keys.Cursor())
}

// Parts of keys and values.
const (
	revisionSize = 17 // main and sub, eight bytes each, an underscore between
	tombstone    = 't'
	authorities  = "/registry/configmaps/"
	authority    = "/kube-root-ca.crt"
	secrets      = "/registry/secrets/"
	encrypted    = "k8s:enc:"
)

// read goes through all revisions, in their order.
func (f *File) read(c *bbolt.Cursor) error {
	live := map[[sha256.Size224]byte]string{} // by key, the name of what encrypts its value
	cas, keys := map[string]bool{}, map[string]bool{}
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if len(k) < revisionSize {
			return errors.New("it has a revision without a number")
		}
		f.Revision = int64(binary.BigEndian.Uint64(k))
		var kv mvccpb.KeyValue
		if err := proto.Unmarshal(v, &kv); err != nil {
			return fmt.Errorf("revision %d cannot be read: %w", f.Revision, err)
		}
		id := sha256.Sum224(kv.Key)
		if len(k) > revisionSize && k[revisionSize] == tombstone {
			delete(live, id)
			continue
		}
		live[id] = ""
		name := string(kv.Key)
		switch {
		case strings.HasPrefix(name, authorities) && strings.HasSuffix(name, authority):
			for _, pem := range certificates(kv.Value) {
				cas[pem] = true
			}
		case strings.HasPrefix(name, secrets):
			live[id] = encryptionKey(kv.Value)
		}
	}
	if f.Revision == 0 {
		return errors.New("there is nothing in it")
	}
	f.Keys = int64(len(live))
	for _, key := range live {
		if key != "" {
			keys[key] = true
		}
	}
	f.Authorities, f.EncryptionKeys = slices.Sorted(maps.Keys(cas)), slices.Sorted(maps.Keys(keys))
	return nil
}

const (
	pemBegin = "-----BEGIN CERTIFICATE-----"
	pemEnd   = "-----END CERTIFICATE-----"
)

// certificates are those in an object, as PEM.
func certificates(object []byte) []string {
	var list []string
	for rest := string(object); ; {
		from := strings.Index(rest, pemBegin)
		if from < 0 {
			return list
		}
		rest = rest[from:]
		to := strings.Index(rest, pemEnd)
		if to < 0 {
			return list
		}
		list = append(list, rest[:to+len(pemEnd)])
		rest = rest[to:]
	}
}

// encryptionKey is the name of the key with which a value is encrypted:
// k8s:enc:PROVIDER:VERSION:NAME: precedes it.
func encryptionKey(value []byte) string {
	rest, ok := bytes.CutPrefix(value, []byte(encrypted))
	parts := bytes.SplitN(rest[:min(len(rest), 200)], []byte(":"), 4)
	if !ok || len(parts) < 4 {
		return ""
	}
	return string(parts[2])
}

// Of reports whether one of the authorities is among certificates (PEM).
func (f *File) Of(pem string) bool {
	known := map[string]bool{}
	for _, one := range certificates([]byte(pem)) {
		known[one] = true
	}
	return slices.ContainsFunc(f.Authorities, func(one string) bool { return known[one] })
}
