package etcddata

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"provision/provision/internal/names"
	"provision/provision/internal/system"
	"provision/provision/resource"
)

// Restore says from which snapshot the data are, and as whose.
type Restore struct {
	Snapshot string `json:"snapshot"` // sha256 of the blob, hex
	Bare     bool   `json:"bare,omitempty"`
	Programs string `json:"programs"` // folder of etcdutl
	// Cluster is the id, in hex, of the etcd cluster that it makes: data of this
	// cluster are left alone.
	Cluster string `json:"cluster"`
	// What the member will be, as etcd's flags have it.
	Name    string `json:"name"`
	Members string `json:"members"`
	Token   string `json:"token"`
	PeerURL string `json:"peer_url"`
	// Bump is added to the snapshot's revision.
	Bump int64 `json:"bump"`
}

// Replaced begins the names of folders that keep the data that a restore
// replaced; the time follows. They stay until somebody removes them.
const Replaced = "before-restore-"

// fresh is the folder, beside what is replaced, in which data are restored.
const fresh = "restoring"

func (r *Restore) check() error {
	if r == nil {
		return nil
	}
	for _, text := range []string{r.Name, r.Members, r.Token, r.PeerURL} {
		if text == "" || strings.HasPrefix(text, "-") || strings.ContainsAny(text, " \x00\n") {
			return fmt.Errorf("%q is no part of what etcd is restored as", text)
		}
	}
	if !names.Only(r.Cluster, "", names.Hex, 16) || r.Bump <= 0 || !path.IsAbs(r.Programs) {
		return fmt.Errorf("etcd cannot be restored as cluster %q, with revisions %d later, by programs in %q", r.Cluster, r.Bump, r.Programs)
	}
	return nil
}

// done reports whether the data are in place.
func (r *Restore) done(have State) bool { return have.Log && have.Cluster == r.Cluster }

// restored is what differs.
func (r *Restore) restored(have State) []resource.Change {
	if r.done(have) {
		if have.Halfway {
			return []resource.Change{{Field: "data", Old: "a folder that a restore left", New: "removed"}}
		}
		return nil
	}
	old := ""
	switch {
	case have.Log && have.Cluster != "":
		old = "of etcd cluster " + have.Cluster
	case have.Log || have.Member:
		old = "unreadable"
	}
	return []resource.Change{{Field: "data", Old: old, New: "restored from snapshot " + r.Snapshot[:12] + ", as etcd cluster " + r.Cluster, Create: old == ""}}
}

// restore makes the data from the snapshot beside their place, sets aside what is
// there, and moves them in. The log says whose data they are, so it comes last.
func (k kind) restore(ctx context.Context, sys *system.System, name string, want Spec, have State) error {
	r := want.Restore
	place, logPlace := path.Join(name, fresh), path.Join(want.Log, fresh)
	apart := !strings.HasPrefix(want.Log, name+"/")
	clear := func() error {
		var err error
		if apart {
			err = sys.Files.RemoveAll(logPlace)
		}
		return errors.Join(err, sys.Files.RemoveAll(place)) // the sign that something is left, last
	}
	if r.done(have) {
		return clear()
	}
	if err := stop(ctx, sys, want.Unit); err != nil {
		return err
	}
	sys.Point("etcddata:stopped")
	if err := clear(); err != nil {
		return fmt.Errorf("removing what a restore left that was cut off: %w", err)
	}
	if err := r.run(ctx, sys, place, apart, logPlace); err != nil {
		return errors.Join(err, clear())
	}
	sys.Point("etcddata:restored")
	aside := unused(sys, Replaced+sys.Now().UTC().Format("20060102T150405Z"), name, want.Log)
	if err := moveAll(sys, name, path.Join(name, aside), have.Member, memberFolder); err != nil {
		return err
	}
	if apart {
		if err := moveLog(sys, want.Log, path.Join(want.Log, aside)); err != nil {
			return err
		}
	}
	sys.Point("etcddata:replaced")
	if err := sys.Files.Rename(path.Join(place, memberFolder), path.Join(name, memberFolder)); err != nil {
		return fmt.Errorf("moving the restored data into place: %w", err)
	}
	sys.Point("etcddata:moved")
	if apart {
		if err := moveLog(sys, logPlace, want.Log); err != nil {
			return err
		}
	}
	return clear()
}

func (r *Restore) run(ctx context.Context, sys *system.System, place string, apart bool, logPlace string) error {
	snapshot, err := sys.Blobs.Path(r.Snapshot)
	if err != nil {
		return fmt.Errorf("the snapshot is not on the host: %w", err)
	}
	argv := []string{path.Join(r.Programs, "etcdutl"), "snapshot", "restore", sys.Files.Path(snapshot),
		"--name", r.Name, "--initial-cluster", r.Members, "--initial-cluster-token", r.Token, "--initial-advertise-peer-urls", r.PeerURL,
		"--bump-revision", strconv.FormatInt(r.Bump, 10), "--mark-compacted", "--data-dir", sys.Files.Path(place)}
	if apart {
		argv = append(argv, "--wal-dir", sys.Files.Path(logPlace))
	}
	if r.Bare {
		argv = append(argv, "--skip-hash-check")
	}
	if _, err := sys.Runner.Run(ctx, system.Command{Argv: argv}); err != nil {
		return fmt.Errorf("restoring etcd's data: %w", err)
	}
	return nil
}

// unused is a name that is in neither folder: a second attempt within a second
// must not meet what the first set aside.
func unused(sys *system.System, name string, folders ...string) string {
	free := name
	for n := 2; slices.ContainsFunc(folders, func(folder string) bool { _, err := sys.Files.Lstat(path.Join(folder, free)); return err == nil }); n++ {
		free = name + "-" + strconv.Itoa(n)
	}
	return free
}

// stop ends a unit that runs, or tries to.
func stop(ctx context.Context, sys *system.System, unit string) error {
	status, err := sys.Units.Status(ctx, unit)
	if err != nil || status.ActiveState == "inactive" || status.ActiveState == "" {
		return err
	}
	return sys.Units.Stop(ctx, unit)
}

// moveAll moves entries of a folder, if they are there, into one beside them.
func moveAll(sys *system.System, folder, to string, there bool, entries ...string) error {
	if !there || len(entries) == 0 {
		return nil
	}
	if err := sys.Files.Mkdir(to, system.Attr{Mode: 0o700}); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("setting etcd's data aside: %w", err)
	}
	for _, entry := range entries {
		if err := sys.Files.Rename(path.Join(folder, entry), path.Join(to, entry)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("setting etcd's data aside: %w", err)
		}
	}
	return nil
}

// moveLog moves the segments of a log, the newest last.
func moveLog(sys *system.System, from, to string) error {
	entries, err := sys.Files.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for etcd's log: %w", err)
	}
	var segments []string
	for _, e := range entries {
		if !e.IsDir() {
			segments = append(segments, e.Name())
		}
	}
	return moveAll(sys, from, to, true, segments...)
}
