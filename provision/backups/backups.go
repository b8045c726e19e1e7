package backups

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"provision/provision/agent/api"
	"provision/provision/fleet"
	"provision/provision/identity"
	"provision/provision/inventory"
)

// lastLines is how long the log of a backup may take to arrive after its end.
const lastLines = time.Second

// Now has an etcd host take a backup now, and copies what the host says of
// it to out. With local, that host's member is backed up as it is, quorum or not.
func Now(ctx context.Context, f *fleet.Fleet, local string, out io.Writer) error {
	m, name, err := host(ctx, f, local)
	if err != nil {
		return err
	}
	following, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = m.Agent.Follow(following, api.JournalHeader{Unit: api.BackupUnit, Ago: time.Second, Follow: true}, out)
	}()
	err = api.Backup.Do(ctx, m.Agent, api.BackupParams{Local: local != ""})
	end := time.AfterFunc(lastLines, stop)
	defer end.Stop()
	<-done
	if err != nil {
		return fmt.Errorf("host %s: %w; its log is above, and in journalctl -u %s there", name, err, api.BackupUnit)
	}
	return nil
}

// host is the given host, or the first etcd host that answers.
func host(ctx context.Context, f *fleet.Fleet, local string) (*fleet.Member, string, error) {
	hosts := f.Inventory.With(inventory.RoleEtcd)
	if local != "" {
		h, ok := f.Inventory.Host(local)
		if !ok || !h.Has(inventory.RoleEtcd) {
			return nil, "", fmt.Errorf("host %q is no etcd host of the inventory", local)
		}
		hosts = []inventory.Host{h}
	}
	var problems []error
	for _, h := range hosts {
		m, err := f.DialOne(ctx, h)
		if err != nil {
			problems = append(problems, fmt.Errorf("host %s: %w", h.Name, err))
			continue
		}
		f.Members[h.Name] = m
		if _, err := identity.Decide(f.Inventory, f.Owned()); errors.Is(err, identity.ErrForeign) {
			return nil, "", err
		}
		return m, h.Name, nil
	}
	return nil, "", fmt.Errorf("no etcd host takes a backup: %w", errors.Join(problems...))
}
