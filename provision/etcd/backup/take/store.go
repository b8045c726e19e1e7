package take

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"provision/provision/etcd/backup"
	"provision/provision/etcd/backup/keep"
	"provision/provision/etcd/backup/seal"
	"provision/provision/etcd/backup/target"
)

// uploading is how long one target may take for one backup. A target that is
// slower than that is down.
const uploading = 2 * time.Hour

// store brings a backup to the named targets, to all when there are none, all at
// once: one that is down or slow stops no other. Without a sealer the backup was
// decrypted and compared before, and digests are compared.
func (s *session) store(ctx context.Context, r *backup.Result, m backup.Manifest, only []string, sealer *seal.Sealer) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, spec := range s.Config.Targets {
		if len(only) > 0 && !slices.Contains(only, spec.Name) {
			continue
		}
		before := r.Targets[spec.Name]
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, uploading)
			defer cancel()
			got := s.storeAt(ctx, spec.Name, before, m, sealer)
			mu.Lock()
			defer mu.Unlock()
			r.Targets[spec.Name] = got
		})
	}
	all.Wait()
}

func (s *session) storeAt(ctx context.Context, name string, before backup.TargetResult, m backup.Manifest, sealer *seal.Sealer) backup.TargetResult {
	got := backup.TargetResult{Newest: before.Newest, Size: before.Size}
	to, err := s.targets[name], s.closed[name]
	began := s.Now()
	if err == nil {
		err = s.bring(ctx, to, m, sealer)
	}
	got.Took = s.Now().Sub(began).Seconds()
	if err != nil {
		got.Error = oneLine(err)
		s.say("target %s: %s", name, got.Error)
		return got
	}
	s.say("target %s: stored, read back and compared", name)
	got.Newest, got.Size = m.Slot, m.Stored.Size
	if err := s.tend(ctx, to, m, &got); err != nil {
		got.Error = oneLine(err)
		s.say("target %s: %s", name, got.Error)
	}
	return got
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// bring stores one backup, reads it back, and then says that it is there.
func (s *session) bring(ctx context.Context, to target.Target, m backup.Manifest, sealer *seal.Sealer) error {
	path, _ := s.waiting(m.Name().String())
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading what was sealed: %w", err)
	}
	defer file.Close()
	if err := s.bringEscrow(ctx, to, m); err != nil {
		return err
	}
	object := backup.SnapshotObject(m.Cluster, m.Name())
	if err := to.Put(ctx, object, file, m.Stored.Size); err != nil {
		return err
	}
	errCheck := check(ctx, to, object, m, sealer)
	if errCtx := ctx.Err(); errCtx != nil {
		return errCtx
	}
	if errCheck != nil {
		m.Bad = oneLine(errCheck)
	} else {
		now := s.Now().UTC()
		m.Verified = &now
	}
	if err := putManifest(ctx, to, m); err != nil {
		return errors.Join(errCheck, err)
	}
	return errCheck
}

func putManifest(ctx context.Context, to target.Target, m backup.Manifest) error {
	text, err := m.JSON()
	if err != nil {
		return err
	}
	return to.Put(ctx, backup.ManifestObject(m.Cluster, m.Name()), bytes.NewReader(text), int64(len(text)))
}

// check reads a stored object to its end.
func check(ctx context.Context, from target.Target, object string, m backup.Manifest, sealer *seal.Sealer) error {
	stored, err := from.Get(ctx, object)
	if err != nil {
		return fmt.Errorf("reading back: %w", err)
	}
	defer stored.Close()
	if sealer != nil {
		return sealer.Check(ctx, stored, m.Snapshot, m.Stored)
	}
	meter := seal.NewMeter(io.Discard)
	if _, err := io.Copy(meter, stored); err != nil {
		return fmt.Errorf("reading back: %w", err)
	}
	if got := meter.Content(); got != m.Stored {
		return fmt.Errorf("what was read back has %d bytes with sha256 %s, what was stored %d with %s", got.Size, got.SHA256, m.Stored.Size, m.Stored.SHA256)
	}
	return nil
}

// tend looks at what else is at a target: earlier backups that were damaged, and
// what the policy lets go.
func (s *session) tend(ctx context.Context, at target.Target, newest backup.Manifest, got *backup.TargetResult) error {
	infos, err := at.List(ctx, s.Cluster+"/")
	if err != nil {
		return err
	}
	objects, unreadable := s.read(ctx, at, infos)
	errBad := s.damaged(ctx, at, infos, objects, newest)
	d := keep.Decide(keep.Input{Cluster: s.Cluster, Objects: objects, Policy: s.Config.Keep, Now: s.Now(), Unreadable: unreadable})
	got.Held = d.Held
	var problems []error
	for _, name := range d.Delete {
		switch err := at.Delete(ctx, name); {
		case errors.Is(err, target.ErrLocked):
			got.Locked++
		case err != nil && !errors.Is(err, target.ErrNotFound):
			problems = append(problems, err)
		default:
			got.Deleted++
		}
	}
	if got.Deleted+got.Locked > 0 {
		s.say("target %s: %d objects deleted, %d are locked", at.Name(), got.Deleted, got.Locked)
	}
	return errors.Join(append(problems, errBad)...)
}

// read reads the manifests among a target's objects.
func (s *session) read(ctx context.Context, at target.Target, infos []target.Info) (objects []keep.Object, unreadable bool) {
	for _, info := range infos {
		o := keep.Object{Name: info.Name, Modified: info.Modified}
		if what := backup.ParseObject(info.Name); what.Kind == backup.ManifestKind {
			m, err := ReadManifest(ctx, at, s.Cluster, what.Name)
			if err != nil {
				unreadable = true
				s.say("target %s: %s", at.Name(), oneLine(err))
			} else {
				o.Manifest = &m
			}
		}
		objects = append(objects, o)
	}
	return objects, unreadable
}

// ReadManifest reads the manifest of a backup at a target.
func ReadManifest(ctx context.Context, at target.Target, cluster string, name backup.Name) (backup.Manifest, error) {
	from, err := at.Get(ctx, backup.ManifestObject(cluster, name))
	if err != nil {
		return backup.Manifest{}, err
	}
	defer from.Close()
	raw, err := io.ReadAll(io.LimitReader(from, backup.MaxManifest+1))
	if err != nil {
		return backup.Manifest{}, fmt.Errorf("reading the manifest of %s: %w", name, err)
	}
	return backup.ParseManifest(raw, cluster, name)
}

// damaged marks backups whose object is gone or has another size, and reads the
// newest earlier one as a whole.
func (s *session) damaged(ctx context.Context, at target.Target, infos []target.Info, objects []keep.Object, newest backup.Manifest) error {
	sizes := map[string]int64{}
	for _, info := range infos {
		sizes[info.Name] = info.Size
	}
	var problems []error
	whole := true // one is read as a whole
	for _, o := range slices.Backward(objects) {
		m := o.Manifest
		if m == nil || !m.Good() || m.Name() == newest.Name() {
			continue
		}
		object := backup.SnapshotObject(m.Cluster, m.Name())
		size, there := sizes[object]
		var err error
		switch {
		case !there:
			err = errors.New("its object is gone")
		case size != m.Stored.Size:
			err = fmt.Errorf("its object has %d bytes, and %d were stored", size, m.Stored.Size)
		case whole:
			whole = false
			err = check(ctx, at, object, *m, nil)
		}
		if err == nil || ctx.Err() != nil {
			continue
		}
		m.Bad = oneLine(err)
		problems = append(problems, fmt.Errorf("backup %s was good and is damaged: %w", m.Name(), err), putManifest(ctx, at, *m))
	}
	return errors.Join(problems...)
}
