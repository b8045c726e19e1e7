package catalog

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"provision/provision/etcd/backup"
	"provision/provision/etcd/backup/target"
)

// Backup is one, with all places where it lies.
type Backup struct {
	backup.Manifest
	Copies []Copy `json:"copies"`
}

// Copy is a backup at one target.
type Copy struct {
	Target   string     `json:"target"`
	Verified *time.Time `json:"verified,omitempty"`
	// Bad says what is wrong with it: it is not fit for a restore.
	Bad string `json:"bad,omitempty"`

	at       target.Target
	manifest backup.Manifest
}

// Good reports whether the copy was read back, and nothing is wrong with it.
func (c Copy) Good() bool { return c.Verified != nil && c.Bad == "" }

// Good reports whether a copy is.
func (b Backup) Good() bool { return b.Checked != nil && slices.ContainsFunc(b.Copies, Copy.Good) }

// List is what targets have.
type List struct {
	// Backups are the newest first.
	Backups []Backup `json:"backups"`
	// Failed says of targets that could not be read why.
	Failed map[string]string `json:"failed,omitempty"`
	// Problems are objects that cannot be read.
	Problems []string `json:"problems,omitempty"`
}

// Read reads the manifests of a cluster at all targets at once; "" stands for any
// cluster. What one target does not tell is told by the others.
func Read(ctx context.Context, targets []target.Target, cluster string) List {
	list := List{Failed: map[string]string{}}
	all := map[string]*Backup{}
	var mu sync.Mutex
	var group sync.WaitGroup
	for _, at := range targets {
		group.Go(func() {
			found, problems, err := readOne(ctx, at, cluster)
			mu.Lock()
			defer mu.Unlock()
			list.Problems = append(list.Problems, problems...)
			if err != nil {
				list.Failed[at.Name()] = err.Error()
			}
			for _, c := range found {
				id := c.manifest.Cluster + "/" + c.manifest.Name().String()
				if all[id] == nil {
					all[id] = &Backup{Manifest: c.manifest}
				}
				all[id].Copies = append(all[id].Copies, c)
			}
		})
	}
	group.Wait()
	for _, id := range slices.Sorted(maps.Keys(all)) {
		slices.SortFunc(all[id].Copies, func(a, b Copy) int { return strings.Compare(a.Target, b.Target) })
		list.Backups = append(list.Backups, *all[id])
	}
	slices.SortStableFunc(list.Backups, func(a, b Backup) int { return strings.Compare(b.Name().String(), a.Name().String()) })
	slices.Sort(list.Problems)
	return list
}

func readOne(ctx context.Context, at target.Target, cluster string) (found []Copy, problems []string, err error) {
	prefix := ""
	if cluster != "" {
		prefix = cluster + "/"
	}
	objects, err := at.List(ctx, prefix)
	if err != nil {
		return nil, nil, err
	}
	sizes := map[string]int64{}
	for _, o := range objects {
		sizes[o.Name] = o.Size
	}
	for _, o := range objects {
		named := backup.ParseObject(o.Name)
		if named.Kind != backup.ManifestKind || cluster != "" && named.Cluster != cluster {
			continue
		}
		raw, err := get(ctx, at, o.Name, backup.MaxManifest)
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s: %s: %s", at.Name(), o.Name, err))
			continue
		}
		m, err := backup.ParseManifest(raw, named.Cluster, named.Name)
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s: %s", at.Name(), err))
			continue
		}
		c := Copy{Target: at.Name(), Verified: m.Verified, Bad: m.Bad, at: at, manifest: m}
		size, there := sizes[backup.SnapshotObject(m.Cluster, m.Name())]
		switch {
		case c.Bad != "":
		case !there:
			c.Bad = "its snapshot is not there"
		case size != m.Stored.Size:
			c.Bad = fmt.Sprintf("its snapshot has %d bytes, and should have %d", size, m.Stored.Size)
		}
		found = append(found, c)
	}
	return found, problems, nil
}

// get reads an object of bounded size.
func get(ctx context.Context, at target.Target, name string, limit int64) ([]byte, error) {
	in, err := at.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	raw, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = fmt.Errorf("it has more than %d bytes", limit)
	}
	return raw, err
}

// Choose is the backup of a name, or the newest good one for "".
func (l List) Choose(name string) (Backup, error) {
	for _, b := range l.Backups {
		if name == b.Name().String() || name == "" && b.Good() {
			return b, nil
		}
	}
	text := "no backup that was proven and read back is at any target"
	if name != "" {
		text = fmt.Sprintf("there is no backup %q at any target", name)
	}
	for _, target := range slices.Sorted(maps.Keys(l.Failed)) {
		text += fmt.Sprintf("; %s could not be read: %s", target, l.Failed[target])
	}
	return Backup{}, fmt.Errorf("%s; see: provision etcd list", text)
}
