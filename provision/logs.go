package provision

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"provision/provision/agent/api"
	"provision/provision/backups"
	"provision/provision/checkup"
	"provision/provision/component"
	"provision/provision/etcd/backup/target"
	"provision/provision/identity"
	"provision/provision/inventory"
	"provision/provision/plan"
)

// Log says which log is wanted.
type Log struct {
	Unit   string
	Lines  int           // the last so many; 0: all, with Ago
	Ago    time.Duration // only lines younger than this
	Follow bool
}

// BackupEtcd is backups.Now.
func (o *Operator) BackupEtcd(ctx context.Context, local string, out io.Writer) error {
	return backups.Now(ctx, o.fleet, local, out)
}

// EtcdBackups is backups.Read.
func (o *Operator) EtcdBackups(ctx context.Context, dial target.Dial) (*backups.Kept, error) {
	return backups.Read(ctx, o.fleet, o.access.Receivers, dial)
}

// Logs copies a unit's log of a host to out, as it is: it may hold anything.
func (o *Operator) Logs(ctx context.Context, host string, log Log, out io.Writer) error {
	h, ok := o.fleet.Inventory.Host(host)
	if !ok {
		return fmt.Errorf("host %q is not in the inventory", host)
	}
	m, err := o.fleet.DialOne(ctx, h)
	if err != nil {
		return fmt.Errorf("cannot read the log of %s on %s: %w", log.Unit, host, err)
	}
	o.fleet.Members[host] = m
	if _, err := identity.Decide(o.fleet.Inventory, o.fleet.Owned()); errors.Is(err, identity.ErrForeign) {
		return err
	}
	header := api.JournalHeader{Unit: log.Unit, Lines: log.Lines, Ago: log.Ago, Follow: log.Follow}
	health, err := api.Health.Call(ctx, m.Agent, api.HealthParams{Units: []string{log.Unit}})
	if err != nil || len(health.Units) != 1 || health.Units[0].Load != "not-found" {
		return m.Agent.Follow(ctx, header, out)
	}
	// It is not there now; what it said while it was may be.
	header.Follow = false
	some := &counted{Writer: out}
	if err := m.Agent.Follow(ctx, header, some); err != nil || some.n > 0 {
		return err
	}
	return noSuchUnit(host, log.Unit, Services(o.fleet.Inventory, o.surveyor.Components, host))
}

// counted counts what is written.
type counted struct {
	io.Writer
	n int
}

func (c *counted) Write(p []byte) (int, error) {
	c.n += len(p)
	return c.Writer.Write(p)
}

// noSuchUnit names the unit that was probably meant, or those that there are.
func noSuchUnit(host, name string, known []string) error {
	short := make([]string, 0, len(known))
	for _, k := range known {
		short = append(short, strings.TrimSuffix(k, ".service"))
	}
	hint := "its services are " + strings.Join(short, ", ")
	if near := plan.Nearest(strings.TrimSuffix(name, ".service"), short); near != "" {
		hint = "did you mean " + near + "?"
	}
	return fmt.Errorf("host %s has no unit %s, and no log of one; %s", host, name, hint)
}

// Services are the units that a host's roles require, as far as the inventory
// alone tells: for a Debian host, in the order in which they are set up.
func Services(inv *inventory.Inventory, components []component.Component, host string) []string {
	return checkup.Services(inv, components, host)
}
