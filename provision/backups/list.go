package backups

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"provision/provision/component/etcdbackup"
	"provision/provision/etcd/backup/catalog"
	"provision/provision/etcd/backup/target"
	"provision/provision/etcd/backup/target/open"
	"provision/provision/fleet"
	"provision/provision/inventory"
)

// Kept is what lies at the targets of an inventory. Close it: copies are read
// through what it has open.
type Kept struct {
	catalog.List
	targets []target.Target
}

// Close ends connections to targets.
func (k *Kept) Close() {
	for _, t := range k.targets {
		_ = t.Close() // nothing was written
	}
}

// Read reads the targets: those that need no host also when the cluster is gone.
// Folders are read through their hosts, with the client that receivers makes. dial
// opens connections to the others; nil stands for the machine's own network.
func Read(ctx context.Context, f *fleet.Fleet, receivers func(context.Context) (*http.Client, error), dial target.Dial) (*Kept, error) {
	specs := etcdbackup.Targets(f.Inventory)
	if len(specs) == 0 {
		return nil, errors.New("the inventory has no etcd { backup { } }, so there are no targets to read")
	}
	uuid, client, unreached := "", (*http.Client)(nil), error(nil)
	if slices.ContainsFunc(specs, func(s target.Spec) bool { return s.Local != nil }) {
		uuid, client, unreached = reach(ctx, f, receivers)
	}
	k := &Kept{}
	failed := map[string]string{}
	for _, spec := range specs {
		spec = spec.Via(dial)
		t, err := open.Target(spec, func() (*http.Client, error) { return client, unreached })
		if err != nil {
			failed[spec.Name] = err.Error()
			continue
		}
		k.targets = append(k.targets, t)
	}
	k.List = catalog.Read(ctx, k.targets, uuid)
	maps.Copy(k.Failed, failed)
	k.Backups = slices.DeleteFunc(k.Backups, func(b catalog.Backup) bool { return b.ClusterName != f.Inventory.Cluster.Name })
	return k, nil
}

// reach finds who the cluster is, and a way to its folders.
func reach(ctx context.Context, f *fleet.Fleet, receivers func(context.Context) (*http.Client, error)) (string, *http.Client, error) {
	if err := f.Identify(ctx); err != nil {
		return "", nil, err
	}
	if f.Decision.Identity == nil {
		return "", nil, errors.New("the hosts belong to no cluster")
	}
	client, err := receivers(ctx)
	return f.Decision.Identity.UUID, client, err
}

// Aged says that the newest good backup is older than the inventory's max_age;
// "" when it is not.
func Aged(inv *inventory.Inventory, list catalog.List, now time.Time) string {
	newest, _ := list.Choose("") // none: its time is zero
	return etcdbackup.TooOld(newest.Taken, etcdbackup.SettingsOf(inv).MaxAge, now)
}
