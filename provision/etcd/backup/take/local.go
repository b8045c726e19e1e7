package take

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sys/unix"

	"provision/provision/etcd/backup"
	"provision/provision/etcd/backup/prove"
	"provision/provision/etcd/backup/seal"
	"provision/provision/etcd/backup/source"
)

// Local backs up what this host's member has, quorum or not, running or not. It
// may be old, so it is marked unproven, and nothing is deleted for it.
func (t *Taker) Local(ctx context.Context) error {
	if t.Config.DataDir == "" {
		return fmt.Errorf("host %s runs no etcd", t.Config.Host)
	}
	return t.during(func(s *session) error { return s.local(ctx) })
}

func (s *session) local(ctx context.Context) error {
	file := filepath.Join(s.Config.DataDir, "member", "snap", "db")
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("looking for etcd's database: %w", err)
	}
	scratch, err := s.room(info.Size())
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	now := s.Now().UTC()
	m := backup.Manifest{Format: backup.Format, Cluster: s.Cluster, ClusterName: s.Config.ClusterName, Slot: now.Truncate(time.Second), Taken: now,
		Host: s.Config.Host, Etcd: s.Config.Etcd, Kubernetes: s.Config.Kubernetes}
	snapshot := filepath.Join(scratch, "snapshot")
	if err := s.own(ctx, &m, file, snapshot); err != nil {
		return err
	}
	s.say("starting etcd on a copy of it in %s", scratch)
	f, err := prove.Prove(ctx, s.Programs, snapshot, filepath.Join(scratch, "proof"), 0)
	if err != nil {
		return err
	}
	m.Revision, m.Compacted = f.Revision, max(f.Compacted, 0)
	s.say("etcd starts on it: revision %d, %d keys; whether it has all that was written, nobody can tell", f.Revision, f.Keys)
	if m.Escrow, err = s.ownEscrow(ctx); err != nil {
		return err
	}
	var made made
	if err := s.seal(ctx, snapshot, &m, &made); err != nil {
		return err
	}
	r := backup.Result{Slot: m.Slot, Host: m.Host, Backup: m.Name().String(), Targets: map[string]backup.TargetResult{}}
	s.store(ctx, &r, m, nil, made.sealer)
	return errors.Join(failure(r), os.RemoveAll(filepath.Join(s.State, "waiting")))
}

// own saves the snapshot of the own member, or copies its database while nobody
// has it open.
func (s *session) own(ctx context.Context, m *backup.Manifest, database, to string) error {
	endpoint := s.Config.Endpoints[s.Config.Host]
	client, err := s.Dial(endpoint)
	if err != nil {
		return err
	}
	defer client.Close()
	asked, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	status, err := client.Status(asked, endpoint)
	if err == nil {
		s.say("saving the snapshot of this host's member as it is")
		m.EtcdCluster, m.Member = backup.ID(status.Header.ClusterId), backup.ID(status.Header.MemberId)
		m.Unproven = "taken of member " + s.Config.Host + " without asking the others"
		m.Snapshot, err = source.SaveOwn(ctx, func(e string) (*clientv3.Client, error) { return s.Dial(e) }, endpoint, to)
		return err
	}
	s.say("etcd does not answer here (%s): copying its database", oneLine(err))
	m.Unproven = "copied from the database of host " + s.Config.Host + ", whose etcd did not answer"
	m.Snapshot, err = copied(database, to)
	return err
}

// copied copies a database that no etcd has open, with the digest at the end that
// snapshots have.
func copied(database, to string) (content backup.Content, err error) {
	from, err := os.Open(database)
	if err != nil {
		return content, fmt.Errorf("reading etcd's database: %w", err)
	}
	defer from.Close()
	if err := unix.Flock(int(from.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != nil {
		return content, fmt.Errorf("etcd does not answer, and has %s open: run systemctl stop etcd.service, then the same command", database)
	}
	err = replace(to, func(out io.Writer) error {
		sum := sha256.New()
		meter := seal.NewMeter(out)
		_, err := io.Copy(io.MultiWriter(meter, sum), from)
		if err == nil {
			_, err = meter.Write(sum.Sum(nil))
		}
		content = meter.Content()
		return err
	})
	return content, err
}

// ownEscrow are the objects that the member knows of, or else those that this
// host writes itself.
func (s *session) ownEscrow(ctx context.Context) ([]backup.Escrow, error) {
	list, problems, err := s.escrowed(ctx, clientv3.WithSerializable())
	for _, p := range problems {
		s.say("%s", p)
	}
	if err != nil {
		s.say("%s", oneLine(err))
		return nil, nil //nolint:nilerr // a backup without them is better than none
	}
	return list, nil
}
