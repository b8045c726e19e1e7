package take

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"provision/provision/etcd/backup"
	"provision/provision/etcd/backup/prove"
	"provision/provision/etcd/backup/seal"
	"provision/provision/etcd/backup/source"
)

// compactions is how often a snapshot is taken anew because etcd was compacted
// between the members' hashes and it.
const compactions = 3

// take makes the backup of a slot and stores it; only at the named targets, where
// the others have one of the slot. The result is told to etcd in any case.
func (s *session) take(ctx context.Context, slot time.Time, before backup.Result, only []string) error {
	began := s.Now()
	r := backup.Result{Slot: slot, Host: s.Config.Host, Targets: map[string]backup.TargetResult{}}
	for _, spec := range s.Config.Targets {
		old := before.Targets[spec.Name]
		old.Error, old.Held, old.Deleted, old.Locked, old.Took = "", "", 0, 0, 0
		r.Targets[spec.Name] = old
	}
	made, err := s.make(ctx, slot)
	if err != nil {
		r.Problems = append(r.Problems, err.Error())
		return errors.Join(err, s.tell(ctx, r))
	}
	r.Backup, r.Took, r.Problems = made.manifest.Name().String(), s.Now().Sub(began).Seconds(), made.problems
	made.manifest.Took = r.Took
	if err := s.keepWaiting(made.manifest); err != nil {
		r.Problems = append(r.Problems, err.Error())
	}
	s.store(ctx, &r, made.manifest, only, made.sealer)
	return s.finish(ctx, r)
}

// again stores what waits at targets that were down.
func (s *session) again(ctx context.Context, r backup.Result, missing []string) error {
	m, err := s.waits(r.Backup)
	if err != nil {
		return err
	}
	s.store(ctx, &r, m, missing, nil)
	return s.finish(ctx, r)
}

func (s *session) finish(ctx context.Context, r backup.Result) error {
	err := s.tell(ctx, r)
	if len(s.missing(r)) == 0 {
		err = errors.Join(err, os.RemoveAll(filepath.Join(s.State, "waiting")))
	}
	return errors.Join(err, failure(r))
}

func (s *session) tell(ctx context.Context, r backup.Result) error {
	r.Updated = s.Now().UTC()
	text, err := r.JSON()
	if err != nil {
		return err
	}
	s.metrics(r, nil)
	return s.put(ctx, backup.ResultKey, text)
}

type made struct {
	manifest backup.Manifest
	sealer   *seal.Sealer
	problems []string
}

// make takes a snapshot, proves it and seals it into the folder of what waits.
func (s *session) make(ctx context.Context, slot time.Time) (made, error) {
	var m made
	escrow, problems, err := s.escrowed(ctx)
	if err != nil {
		return m, err
	}
	dial := func(endpoint string) (*clientv3.Client, error) { return s.Dial(endpoint) }
	for range compactions {
		choice, err := source.Choose(ctx, dial, s.Config.Endpoints, s.Config.Host)
		if err != nil {
			return m, err
		}
		for _, p := range choice.Passed {
			s.say("%s", p)
		}
		manifest, again, err := s.proven(ctx, choice, slot, escrow, &m)
		if err != nil {
			return m, err
		}
		if !again {
			m.manifest, m.problems = manifest, append(problems, choice.Problems...)
			return m, nil
		}
		s.say("etcd was compacted meanwhile: again")
	}
	return m, errors.New("etcd was compacted each time between the members' hashes and the snapshot; take a backup when fewer changes are made")
}

func (s *session) proven(ctx context.Context, c source.Choice, slot time.Time, escrow []backup.Escrow, m *made) (_ backup.Manifest, again bool, err error) {
	scratch, err := s.room(c.Size)
	if err != nil {
		return backup.Manifest{}, false, err
	}
	defer os.RemoveAll(scratch)
	file := filepath.Join(scratch, "snapshot")
	s.say("saving a snapshot of %s, some %d MiB, at revision %d or later", c.Member.Name, c.Size>>20, c.Checked.Revision)
	taken := s.Now().UTC()
	content, err := c.Save(ctx, file)
	if err != nil {
		return backup.Manifest{}, false, err
	}
	s.say("starting etcd on a copy of it in %s", scratch)
	f, err := prove.Prove(ctx, s.Programs, file, filepath.Join(scratch, "proof"), c.Checked.Revision)
	if err != nil {
		return backup.Manifest{}, false, err
	}
	if f.Compacted != c.Compacted {
		return backup.Manifest{}, true, nil
	}
	if f.Checked != c.Checked || f.Revision < c.Checked.Revision {
		return backup.Manifest{}, false, fmt.Errorf("the snapshot of %s has %d keys and hash %d at revision %d, its source %d and %d: it is not a copy; nothing was stored",
			c.Member.Name, f.Keys, f.HashKV, f.Checked.Revision, c.Checked.Keys, c.Checked.HashKV)
	}
	s.say("proven: revision %d, %d keys", f.Revision, f.Keys)
	manifest := s.manifest(c, slot, taken, f)
	manifest.Snapshot, manifest.Escrow, manifest.Checked = content, escrow, &f.Checked
	return manifest, false, s.seal(ctx, file, &manifest, m)
}

func (s *session) manifest(c source.Choice, slot, taken time.Time, f prove.Figures) backup.Manifest {
	return backup.Manifest{
		Format: backup.Format, Cluster: s.Cluster, ClusterName: s.Config.ClusterName, Slot: slot, Taken: taken, Host: s.Config.Host,
		EtcdCluster: c.EtcdCluster, Member: c.Member.ID, Members: c.Members,
		Revision: f.Revision, Compacted: max(f.Compacted, 0), Etcd: c.Version, Kubernetes: s.Config.Kubernetes,
	}
}

// seal compresses and encrypts a snapshot to where it waits for its targets.
func (s *session) seal(ctx context.Context, file string, manifest *backup.Manifest, m *made) (err error) {
	if m.sealer, err = seal.New(s.Config.Recipients); err != nil {
		return err
	}
	from, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("reading the snapshot: %w", err)
	}
	defer from.Close()
	if err := os.RemoveAll(filepath.Join(s.State, "waiting")); err != nil {
		return fmt.Errorf("clearing what waited of an earlier slot: %w", err)
	}
	path, _ := s.waiting(manifest.Name().String())
	err = replace(path, func(to io.Writer) error {
		plain, stored, err := m.sealer.Seal(ctx, to, from)
		if err == nil && plain != manifest.Snapshot {
			err = errors.New("the snapshot in scratch is not what etcd gave any more; see the kernel's log for faults of the disk")
		}
		manifest.Stored = stored
		return err
	})
	if err == nil {
		s.say("sealed: %d MiB", manifest.Stored.Size>>20)
	}
	return err
}

// replace writes a file of root's: aside, synced, renamed.
func replace(path string, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	part := path + ".part"
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	err = write(file)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		_ = os.Remove(part)
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

func (s *session) keepWaiting(m backup.Manifest) error {
	text, err := m.JSON()
	if err != nil {
		return err
	}
	_, path := s.waiting(m.Name().String())
	return replace(path, func(to io.Writer) error {
		_, err := to.Write(text)
		return err
	})
}

// kept reports whether a backup waits here.
func (s *session) kept(name string) bool {
	_, err := s.waits(name)
	return err == nil
}

func (s *session) waits(text string) (backup.Manifest, error) {
	name, err := backup.ParseName(text)
	if err != nil {
		return backup.Manifest{}, err
	}
	sealed, path := s.waiting(text)
	raw, err := os.ReadFile(path)
	if err != nil {
		return backup.Manifest{}, fmt.Errorf("reading what waits: %w", err)
	}
	m, err := backup.ParseManifest(raw, s.Cluster, name)
	if err != nil {
		return m, err
	}
	info, err := os.Stat(sealed)
	if err == nil && info.Size() != m.Stored.Size {
		err = fmt.Errorf("%s has %d bytes, not %d", sealed, info.Size(), m.Stored.Size)
	}
	return m, err
}
