package agent

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"provision/provision/agent/api"
	"provision/provision/agent/measure"
	"provision/provision/internal/system"
)

// snapshotSuffix is that of finished snapshots; what is on its way has partSuffix.
const (
	snapshotSuffix = ".db"
	partSuffix     = ".new"
)

// snapshot takes a snapshot of the host's etcd member, verifies it and drops the
// oldest ones. What a killed run left behind goes first.
func (s *session) snapshot(ctx context.Context, params api.SnapshotParams) (result api.SnapshotResult, err error) {
	if _, err := s.writer(params.Epoch); err != nil {
		return result, err
	}
	if err := checkSnapshot(params); err != nil {
		return result, err
	}
	defer s.ids.alone(api.Snapshot.Name)()
	ctx, cancel := context.WithTimeout(ctx, params.Within)
	defer cancel()
	files := s.sys.Files
	if err := files.Mkdir(system.SnapshotDir, system.Attr{Mode: 0o700}); err != nil && !errors.Is(err, fs.ErrExist) {
		return result, fmt.Errorf("making the folder of snapshots: %w", err)
	}
	if err := s.dropParts(); err != nil {
		return result, err
	}
	if err := s.room(params.Data); err != nil {
		return result, err
	}
	result.Path = path.Join(system.SnapshotDir, params.Name)
	part := result.Path + partSuffix
	s.sys.Point("taking snapshot " + params.Name)
	_, err = s.sys.Runner.Run(ctx, system.Command{Argv: []string{path.Join(params.Programs, "etcdctl"), "snapshot", "save", files.Path(part),
		"--endpoints", params.Endpoint, "--cacert", params.CA, "--cert", params.Cert, "--key", params.Key, "--command-timeout", params.Within.String()}})
	if err != nil {
		return result, s.unsnapped(part, fmt.Errorf("taking a snapshot of etcd: %w", err))
	}
	s.sys.Point("took snapshot " + params.Name)
	if err := s.verify(ctx, params.Programs, part, &result); err != nil {
		return result, s.unsnapped(part, fmt.Errorf("verifying the snapshot of etcd: %w", err))
	}
	if err := errors.Join(files.SetAttr(part, system.Attr{Mode: 0o600}), files.Rename(part, result.Path)); err != nil {
		return result, fmt.Errorf("keeping the snapshot of etcd: %w", err)
	}
	return result, s.dropOld(params.Keep, params.Name)
}

func checkSnapshot(params api.SnapshotParams) error {
	strange := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.'
	}
	if name := params.Name; strings.ContainsFunc(name, strange) || strings.HasPrefix(name, ".") || !strings.HasSuffix(name, snapshotSuffix) || len(name) > 200 {
		return api.BadRequest("%q is no name of a snapshot", name)
	}
	if params.Keep < 1 || params.Within <= 0 {
		return api.BadRequest("a snapshot that is not to be kept, or takes no time")
	}
	return nil
}

// unsnapped removes what is not a snapshot.
func (s *session) unsnapped(part string, err error) error {
	return errors.Join(err, s.sys.Files.Remove(part))
}

// dropParts removes what killed runs left; etcdctl writes to yet another name.
func (s *session) dropParts() error {
	entries, err := s.sys.Files.ReadDir(system.SnapshotDir)
	if err != nil {
		return fmt.Errorf("reading the folder of snapshots: %w", err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), snapshotSuffix) {
			if err := s.sys.Files.Remove(path.Join(system.SnapshotDir, e.Name())); err != nil {
				return fmt.Errorf("removing a snapshot that was cut off: %w", err)
			}
		}
	}
	return nil
}

// spare is what must stay free beside a snapshot.
const spare = 256 << 20

// room refuses to fill the disk, which etcd's data may share.
func (s *session) room(data string) error {
	database, err := s.sys.Files.Lstat(data)
	if err != nil {
		return fmt.Errorf("looking at etcd's data: %w", err)
	}
	disk := measure.Space(s.sys.Files, system.SnapshotDir)
	if disk.Error != "" {
		return fmt.Errorf("measuring %s: %s", system.SnapshotDir, disk.Error)
	}
	if need := database.Size + spare; disk.Free < need {
		return &api.Error{Code: api.CodeFailed, Message: fmt.Sprintf("cannot keep a snapshot of etcd in %s: %d MB are free and %d MB are needed; make room, or remove old snapshots there",
			system.SnapshotDir, disk.Free>>20, need>>20)}
	}
	return nil
}

// verify checks that the content is what etcd sent, whose digest stands at the
// end, and that the database in it is whole.
func (s *session) verify(ctx context.Context, programs, part string, result *api.SnapshotResult) error {
	info, err := s.sys.Files.Lstat(part)
	if err != nil {
		return err
	}
	if result.Size = info.Size; info.Size%512 != sha256.Size {
		return fmt.Errorf("%d bytes are no database with a digest behind it", info.Size)
	}
	file, err := s.sys.Files.Open(part)
	if err != nil {
		return err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.CopyN(sum, file, info.Size-sha256.Size); err != nil {
		return err
	}
	if told, err := io.ReadAll(file); err != nil || !bytes.Equal(told, sum.Sum(nil)) {
		return errors.Join(errors.New("it does not have the digest that etcd gave it"), err)
	}
	out, err := s.sys.Runner.Run(ctx, system.Command{Argv: []string{path.Join(programs, "etcdutl"), "snapshot", "status", s.sys.Files.Path(part), "--write-out", "json"}})
	if err != nil {
		return err
	}
	var status struct{ Revision, TotalKey int64 }
	if err := json.Unmarshal(out.Stdout, &status); err != nil {
		return fmt.Errorf("reading what etcdutl says of it: %w", err)
	}
	result.Revision, result.Keys = status.Revision, status.TotalKey
	return nil
}

// dropOld keeps so many of the newest snapshots, and among them the first of the
// fresh one's upgrade: those that repeated runs take hold what an upgrade that
// was begun has made of the data.
func (s *session) dropOld(keep int, fresh string) error {
	entries, err := s.sys.Files.ReadDir(system.SnapshotDir)
	if err != nil {
		return fmt.Errorf("reading the folder of snapshots: %w", err)
	}
	type aged struct {
		name string
		at   int64
	}
	var list []aged
	for _, e := range entries {
		info, err := s.sys.Files.Lstat(path.Join(system.SnapshotDir, e.Name()))
		if err != nil {
			return fmt.Errorf("looking at a snapshot: %w", err)
		}
		if e.Name() != fresh && info.Type == "file" {
			list = append(list, aged{e.Name(), info.MTime.UnixNano()})
		}
	}
	slices.SortFunc(list, func(a, b aged) int { return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(b.name, a.name)) })
	first := -1
	for i, a := range list {
		if occasion(a.name) == occasion(fresh) {
			first = i
		}
	}
	if first >= 0 && keep > 1 {
		kept := list[first]
		list = slices.Insert(slices.Delete(list, first, first+1), 0, kept)
	}
	for _, old := range list[min(len(list), keep-1):] {
		if err := s.sys.Files.Remove(path.Join(system.SnapshotDir, old.name)); err != nil {
			return fmt.Errorf("removing an old snapshot: %w", err)
		}
	}
	return nil
}

// occasion is a snapshot's name without its time.
func occasion(name string) string {
	if i := strings.LastIndex(name, "-"); i >= 0 {
		return name[:i]
	}
	return name
}
