package provision

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"provision/provision/agent/api"
	"provision/provision/event"
	"provision/provision/facts"
	"provision/provision/pki"
)

// Authority is a certificate authority that gets a later certificate.
type Authority struct {
	Name     string    `json:"name"`
	NotAfter time.Time `json:"not_after"`
	Ended    bool      `json:"ended"`
}

// clusterTime is the time by the clocks of the hosts: it is them who accept
// certificates or not.
func (o *Operator) clusterTime() time.Time {
	now := o.Now()
	var ahead []time.Duration
	for _, m := range o.fleet.Members {
		if !m.Facts.Clock.IsZero() {
			ahead = append(ahead, m.Facts.Clock.Sub(now))
		}
	}
	return now.Add(facts.Middle(ahead))
}

// dueAuthorities are those that have ended or are about to, by name. One that is
// being replaced by another only counts when the one that signs has ended.
func (o *Operator) dueAuthorities() []Authority {
	if o.decision.Identity == nil {
		return nil
	}
	var due []Authority
	now := o.clusterTime()
	for _, name := range slices.Sorted(maps.Keys(o.decision.Identity.CAs)) {
		certs := pki.ParseCerts([]byte(o.decision.Identity.CAs[name]))
		if len(certs) == 0 {
			continue
		}
		if left := certs[0].NotAfter.Sub(now); left <= 0 || left < o.authorityBefore() && len(certs) == 1 {
			due = append(due, Authority{Name: name, NotAfter: certs[0].NotAfter.UTC(), Ended: left <= 0})
		}
	}
	return due
}

// ended says what to do when an authority that is needed has ended.
func (o *Operator) ended(name string) error {
	for _, a := range o.dueAuthorities() {
		if a.Ended && (name == "" || a.Name == name) {
			return fmt.Errorf("authority %q of cluster %q ended on %s, so nothing that it signed is accepted any more; renew it, and all that depends on it, with: provision certs renew",
				a.Name, o.Inventory.Cluster.Name, a.NotAfter.Format(time.DateTime))
		}
	}
	return nil
}

// ending warns of authorities that end before long: what they sign ends with them.
func (o *Operator) ending() []string {
	var list []string
	for _, a := range o.dueAuthorities() {
		list = append(list, fmt.Sprintf("authority %q ends on %s, and all that it signs with it; renew it before, with: provision certs renew", a.Name, a.NotAfter.Format(time.DateTime)))
	}
	return list
}

// RenewAuthorities gives the authorities that are due a later certificate for
// the same key and tells it to all hosts that answer; the others learn it with
// the next apply. approve is asked first. It needs neither API nor etcd. What
// programs read is for the apply that follows.
func (o *Operator) RenewAuthorities(ctx context.Context, approve func([]Authority) (bool, error)) error {
	_, err := persist(o, func() (struct{}, error) { return struct{}{}, o.renewAuthorities(ctx, approve) })
	return err
}

func (o *Operator) renewAuthorities(ctx context.Context, approve func([]Authority) (bool, error)) error {
	if err := o.identify(ctx); err != nil {
		return err
	}
	defer o.fleet.Close()
	due := o.dueAuthorities()
	if len(due) == 0 {
		return nil
	}
	for _, a := range due {
		if len(o.holders(a.Name+".key")) == 0 {
			return fmt.Errorf("cannot renew authority %q: no host that holds its key answered; bring one up", a.Name)
		}
	}
	// Who missed a phase of a rotation is told everything by the next apply.
	var members []string
	for _, name := range o.fleet.Names() {
		if known := o.fleet.Members[name].Facts.Owned.Identity; known != nil && known.Generation == o.decision.Identity.Generation {
			members = append(members, name)
		}
	}
	ctx, epoch, release, err := o.lock(ctx, members, "certs renew")
	if err != nil {
		return err
	}
	defer release()
	switch ok, err := approve(due); {
	case err != nil:
		return err
	case !ok:
		return ErrDeclined
	}
	return o.recorded(ctx, epoch, "authorities", "renew", func() error { return o.renewAll(ctx, epoch, due, members) })
}

// renewAll goes in two phases, as the birth does: killed in between, some hosts
// know the later certificate, and the next run tells the others.
func (o *Operator) renewAll(ctx context.Context, epoch uint64, due []Authority, members []string) error {
	known := *o.decision.Identity
	known.CAs, known.Holds = maps.Clone(known.CAs), nil
	base := api.IdentityParams{Epoch: epoch, UUID: known.UUID, Cluster: known.Cluster, CALife: o.Inventory.PKI.CALife}
	var names []string
	for _, a := range due {
		item := a.Name + ".key"
		renew := base
		renew.Act, renew.Items = "renew", []string{item}
		result, err := o.fleet.Members[o.holders(item)[0]].Agent.Identity(ctx, renew)
		if err != nil {
			return fmt.Errorf("renewing authority %s: %w", a.Name, err)
		}
		known.CAs[a.Name] = result.Identity.CAs[a.Name]
		names = append(names, a.Name)
	}
	o.Point("authorities renewed")
	if err := o.acts(members, func(name string) error {
		put := base
		put.Act, put.Identity = "put", &known
		_, err := o.fleet.Members[name].Agent.Identity(ctx, put)
		return err
	}); err != nil {
		return err
	}
	for _, group := range o.keepersFirst() {
		group = slices.DeleteFunc(group, func(name string) bool { return !slices.Contains(members, name) })
		if err := o.commitBirth(ctx, group, base); err != nil {
			return err
		}
	}
	o.emit(event.Event{Type: event.Note, Text: "Renewed: authority " + strings.Join(names, ", ")})
	return nil
}
