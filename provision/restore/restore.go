package restore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"provision/provision/component"
	"provision/provision/component/controlplane"
	etcdcomponent "provision/provision/component/etcd"
	"provision/provision/etcd/snapshot"
	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/provision/run"
)

// Request is what an operator wants restored.
type Request struct {
	// File is the snapshot, at the operator's; Name is the backup's, for people.
	File *snapshot.File
	Name string
	// Kubernetes is the version that ran when it was taken; "" when nobody knows.
	Kubernetes string
	// UUID is the cluster that the manifest names; "" without one.
	UUID string
	// Lost are hosts that do not answer, and whose etcd and API server never will
	// serve what they have.
	Lost []string
	// Foreign takes a file that is not known to be of this cluster.
	Foreign bool
}

// Plan is what a restore will do.
type Plan struct {
	Cluster string `json:"cluster"`
	Target  string `json:"target"`
	Backup  string `json:"backup"`
	SHA256  string `json:"sha256"`
	Size    int64  `json:"size"`
	// Revision is the snapshot's, Keys how many are in it.
	Revision int64 `json:"revision"`
	Keys     int64 `json:"keys"`
	// Hosts get the data; their own are kept beside. Lost do not answer.
	Hosts []string `json:"hosts"`
	Lost  []string `json:"lost,omitempty"`
	// Kept are the members that answer: what they have is backed up before.
	Kept []string `json:"kept,omitempty"`
	// Begins is the revision at which the new etcd begins.
	Begins int64 `json:"begins"`
	// Resumes: a restore of this backup was begun, and is finished.
	Resumes  bool     `json:"resumes,omitempty"`
	Warnings []string `json:"warnings,omitempty"`

	next  facts.Identity // what all ledgers will say
	known int64
}

// Restorer restores in one run.
type Restorer struct {
	*run.Runner
	Request
}

// Open is the restore that is under way; nil when none is.
func (r *Restorer) Open() *facts.Restored {
	if id := r.Fleet.Decision.Identity; id != nil && id.Restored != nil && id.Restored.Open {
		return id.Restored
	}
	return nil
}

// Look connects, refuses, and says what will be done. It changes nothing.
func (r *Restorer) Look(ctx context.Context) (*Plan, error) {
	if err := r.Fleet.Identify(ctx); err != nil {
		return nil, err
	}
	p := &Plan{Cluster: r.Fleet.Inventory.Cluster.Name, Target: r.Fleet.Target(), Backup: r.Name, SHA256: r.File.SHA256, Size: r.File.Size,
		Revision: r.File.Revision, Keys: r.File.Keys, Lost: slices.Sorted(slices.Values(r.Lost))}
	if err := r.refuse(ctx, p); err != nil {
		return nil, fmt.Errorf("cannot restore %s, nothing was changed: %w", r.Name, err)
	}
	if open := r.Open(); open != nil && open.SHA256 == r.File.SHA256 {
		p.Resumes, p.Begins = true, open.Revision
		p.Hosts = slices.Sorted(maps.Keys(open.Members))
		return p, nil
	}
	r.ask(ctx, p)
	r.decide(p)
	return p, nil
}

// ask finds out what answers, and how far its revisions go.
func (r *Restorer) ask(ctx context.Context, p *Plan) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if ids, err := r.API.EtcdIDs(ctx); err == nil {
		p.Kept = slices.Sorted(maps.Keys(ids))
	}
	p.known, _ = r.API.EtcdRevision(ctx) // members that do not answer: see RestoreMargin
	if restored := r.Fleet.Decision.Identity.Restored; restored != nil {
		p.known = max(p.known, restored.Revision)
	}
}

// patience bounds the wait for members that may be gone.
const patience = 10 * time.Second

// decide is what the ledgers will say.
func (r *Restorer) decide(p *Plan) {
	var hosts []inventory.Host
	for _, h := range r.Fleet.Inventory.With(inventory.RoleEtcd) {
		if r.Fleet.Members[h.Name] != nil {
			hosts = append(hosts, h)
			p.Hosts = append(p.Hosts, h.Name)
		}
	}
	slices.Sort(p.Hosts)
	now := r.Fleet.ClusterTime().UTC().Truncate(time.Second)
	p.Begins = max(p.known, r.File.Revision) + etcdcomponent.RestoreMargin
	p.next = *r.Fleet.Decision.Identity
	members, token := etcdcomponent.MembersOf(hosts), fmt.Sprintf("%s-restored-%s", p.Cluster, now.Format("20060102T150405"))
	restored := &facts.Restored{Open: true, Since: now, Name: r.Name, SHA256: r.File.SHA256, Bare: r.File.Bare, Members: members, Token: token,
		Cluster: etcdcomponent.ClusterID(members, token), Revision: p.Begins, Bump: p.Begins - r.File.Revision}
	if before := p.next.Restored; before != nil {
		restored.Former = slices.Clone(before.Former)
	}
	if was := p.next.EtcdClusterID; was != "" && !slices.Contains(restored.Former, was) {
		restored.Former = append(restored.Former, was)
	}
	p.next.Restored, p.next.EtcdClusterID = restored, restored.Cluster
}

// Begin backs up what answers, tells all ledgers, and stops the cluster. All
// hosts that answer are locked.
func (r *Restorer) Begin(ctx context.Context, p *Plan, epoch uint64) error {
	if !p.Resumes {
		if err := r.keep(ctx, p, epoch); err != nil {
			return err
		}
		if err := r.Keys.Announce(ctx, epoch, p.next); err != nil {
			return fmt.Errorf("telling hosts of the restore: %w", err)
		}
	}
	r.Keys.Point("restore announced")
	return r.halt(ctx, epoch)
}

// keptCopies is on how many hosts what answers is backed up.
const keptCopies = 2

// keep backs up what members have that answer.
func (r *Restorer) keep(ctx context.Context, p *Plan, epoch uint64) error {
	name := "before-restore-" + r.Fleet.Now().UTC().Format("20060102T150405Z") + ".db"
	var errs []error
	done := 0
	for _, host := range p.Kept {
		if done == keptCopies {
			break
		}
		result, err := r.Keep(ctx, host, name, epoch)
		if err != nil {
			errs = append(errs, fmt.Errorf("host %s: %w", host, err))
			continue
		}
		done++
		r.Note(host, fmt.Sprintf("What etcd has now is in %s on %s: %d keys at revision %d", result.Path, host, result.Keys, result.Revision))
	}
	if done == 0 && len(errs) > 0 {
		return fmt.Errorf("cannot restore %s, nothing was changed: etcd answers and could not be backed up before; mend that, or stop etcd.service on these hosts if their data are worth nothing:\n%w", r.Name, errors.Join(errs...))
	}
	return nil
}

// Close tells all ledgers that the restore is over.
func (r *Restorer) Close(ctx context.Context, epoch uint64) error {
	next := *r.Fleet.Decision.Identity
	over := *next.Restored
	over.Open = false
	next.Restored = &over
	return r.Keys.Announce(ctx, epoch, next)
}

// Part is a part of a restore that is applied by itself.
type Part struct {
	// Units are the addresses that it is about.
	Units func() []string
	// Then is done afterwards, with all hosts locked.
	Then func(ctx context.Context, epoch uint64) error
}

// Parts are what comes before everything else starts: etcd, then API servers.
func (r *Restorer) Parts() []Part {
	return []Part{
		{r.units(inventory.RoleEtcd, etcdcomponent.Unit), func(ctx context.Context, _ uint64) error { return r.Mend(ctx) }},
		{r.units(inventory.RoleMaster, controlplane.APIServer), func(ctx context.Context, epoch uint64) error {
			if err := r.Nodes(ctx); err != nil {
				return err
			}
			return r.Close(ctx, epoch)
		}},
	}
}

// units are those of hosts that answered.
func (r *Restorer) units(role inventory.Role, unit string) func() []string {
	return func() []string {
		var list []string
		for _, h := range r.Fleet.Answered(r.Fleet.Inventory) {
			if h.Has(role) {
				list = append(list, component.UnitAt(h.Name, unit).String())
			}
		}
		return list
	}
}

// Text is the plan for people.
func (p *Plan) Text() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "  "+format+"\n", args...) }
	fmt.Fprintf(&b, "Restore cluster %q on %s from %s\n", p.Cluster, p.Target, p.Backup)
	line("%.1f MB, %d keys at revision %d, sha256 %s", float64(p.Size)/1e6, p.Keys, p.Revision, p.SHA256)
	if p.Resumes {
		line("a restore of this backup was begun and not finished: it goes on")
	}
	if len(p.Kept) > 0 {
		line("what etcd has now is backed up first (%s)", strings.Join(p.Kept, ", "))
	}
	line("API servers, controllers, schedulers, kubelets, kube-proxy, the network and etcd stop; containers run on")
	line("etcd is made anew on %s, and begins at revision %d", strings.Join(p.Hosts, ", "), p.Begins)
	line("data that are there now are kept beside, in before-restore-…; what was changed after the backup is lost")
	for _, name := range p.Lost {
		line("host %s is lost: it takes no part, and must not come back before the restore is over", name)
	}
	line("Nodes are made to agree with the hosts, then everything is made what the inventory says")
	for _, text := range p.Warnings {
		line("warning: %s", text)
	}
	return b.String()
}
