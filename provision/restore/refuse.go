package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"provision/provision/agent/api"
	"provision/provision/component"
	etcdcomponent "provision/provision/component/etcd"
	"provision/provision/internal/system"
	"provision/provision/inventory"
	"provision/provision/upgrade"
)

// refuse says why the backup cannot be restored here and now.
func (r *Restorer) refuse(ctx context.Context, p *Plan) error {
	if r.Fleet.Decision.Identity == nil {
		return fmt.Errorf("the hosts belong to no cluster %q, and a snapshot alone does not bring its authorities and keys back", p.Cluster)
	}
	if open := r.Open(); open != nil && open.SHA256 != r.File.SHA256 {
		p.Warnings = append(p.Warnings, fmt.Sprintf("a restore of %s was begun at %s and not finished: this one takes its place", open.Name, open.Since.Format("2006-01-02 15:04:05Z")))
	}
	for _, check := range []func() error{r.thisCluster, r.versions, r.hosts} {
		if err := check(); err != nil {
			return err
		}
	}
	if err := r.encryptionKeys(ctx); err != nil {
		return err
	}
	return r.room(ctx)
}

// thisCluster refuses a file of another cluster: pods are told the certificate of
// the cluster's authority, and so it is in every snapshot.
func (r *Restorer) thisCluster() error {
	id := r.Fleet.Decision.Identity
	switch {
	case r.UUID != "" && r.UUID != id.UUID:
		return fmt.Errorf("it is of cluster %s, and the hosts belong to %s", r.UUID, id.UUID)
	case r.UUID != "" || r.Foreign || r.File.Of(id.CAs[component.CACluster]):
		return nil
	}
	of := "names no authority of a cluster"
	if len(r.File.Members) > 0 {
		of = "was taken of etcd on " + strings.Join(r.File.Members, ", ") + ", and the authority that its pods trust is not this cluster's"
	}
	return fmt.Errorf("%s %s; if it is this cluster's, from before its authority was rotated, say so with --foreign", r.File.Path, of)
}

// versions refuses what the programs cannot read.
func (r *Restorer) versions() error {
	text := r.Fleet.Inventory.Cluster.Versions.Etcd()
	installed, err := upgrade.Parse(text)
	if err != nil {
		return err
	}
	if r.File.Version == "" {
		return errors.New("its database is of etcd 3.5 or earlier; restore it with that version's etcdutl, start that etcd once, and upgrade")
	}
	file, err := upgrade.Parse(r.File.Version)
	if err != nil {
		return fmt.Errorf("its database is of etcd %q, which is no version", r.File.Version)
	}
	switch {
	case file.Major != installed.Major || file.Minor > installed.Minor:
		return fmt.Errorf("its database is of etcd %s, and the inventory has etcd %s, which does not read it; set versions { etcd } to %s.x first", file.Line(), text, file.Line())
	case installed.Minor-file.Minor > 1:
		return fmt.Errorf("its database is of etcd %s, and etcd %s reads data of one minor release before its own only; set versions { etcd } to %d.%d.x for the restore, and upgrade after", file.Line(), text, file.Major, file.Minor+1)
	}
	if r.Kubernetes == "" {
		return nil
	}
	was, err := upgrade.Parse(r.Kubernetes)
	if err != nil {
		return fmt.Errorf("its manifest names Kubernetes %q, which is no version", r.Kubernetes)
	}
	is, err := upgrade.Parse(r.Fleet.Inventory.Cluster.Versions.Kubernetes())
	if err == nil && (is.Major < was.Major || is.Major == was.Major && is.Minor < was.Minor) {
		err = fmt.Errorf("it was taken of Kubernetes %s, and the inventory has %s, which does not know all that is in it; set the version to %s or later", was, is, was)
	}
	return err
}

// hosts refuses while a host could serve old data that nobody gave up.
func (r *Restorer) hosts() error {
	var silent, alive []string
	takes := 0
	known := r.Fleet.Known()
	names := map[string]bool{}
	for _, h := range r.Fleet.Inventory.Hosts {
		if h.Keeper() {
			names[h.Name] = true
		}
	}
	for name, entry := range known {
		if slices.Contains(entry.Roles, string(inventory.RoleEtcd)) || slices.Contains(entry.Roles, string(inventory.RoleMaster)) {
			names[name] = true
		}
	}
	for name := range names {
		_, answers := r.Fleet.Members[name]
		lost := slices.Contains(r.Lost, name)
		h, listed := r.Fleet.Inventory.Host(name)
		switch {
		case answers && lost:
			alive = append(alive, name)
		case !answers && !lost:
			silent = append(silent, name)
		case answers && listed && h.Has(inventory.RoleEtcd):
			takes++
		}
	}
	for _, name := range r.Lost {
		if !names[name] {
			return fmt.Errorf("--lost %s: no master or etcd host has this name", name)
		}
	}
	slices.Sort(silent)
	slices.Sort(alive)
	switch {
	case len(alive) > 0:
		return fmt.Errorf("%s answer, so they are not lost; leave --lost out for them", strings.Join(alive, ", "))
	case len(silent) > 0:
		return fmt.Errorf("%s do not answer: etcd or an API server there could serve the old data on. Bring them up, or, when they are off for good or switched off now, add --lost %s", strings.Join(silent, ", "), strings.Join(silent, " --lost "))
	case takes == 0:
		return errors.New("no etcd host answers")
	}
	return nil
}

// encryptionKeys refuses a file whose Secrets nobody could read.
func (r *Restorer) encryptionKeys(ctx context.Context) error {
	if len(r.File.EncryptionKeys) == 0 {
		return nil
	}
	have, err := r.Keys.EncryptionKeys(ctx)
	if err != nil {
		return fmt.Errorf("looking for the keys of its Secrets: %w", err)
	}
	for _, name := range r.File.EncryptionKeys {
		if !slices.Contains(have, name) {
			return fmt.Errorf("its Secrets are encrypted with key %q, which the masters do not have any more (they have %s); give a backup from after the key was rotated, or put the old key back", name, strings.Join(have, ", "))
		}
	}
	return nil
}

// room refuses before a disk gets full: beside what is there, the snapshot and
// what is made of it must fit.
func (r *Restorer) room(ctx context.Context) error {
	const spare = 256 << 20
	for _, h := range r.Fleet.Inventory.With(inventory.RoleEtcd) {
		m := r.Fleet.Members[h.Name]
		if m == nil {
			continue
		}
		data := strings.TrimSuffix(etcdcomponent.MemberDir(r.Fleet.Inventory), "/member")
		found, err := api.Inspect.Call(ctx, m.Agent, api.InspectParams{Paths: []string{data, system.IdentityDir}})
		if err != nil {
			return fmt.Errorf("measuring disks of host %s: %w", h.Name, err)
		}
		need := map[string]int64{}
		for _, s := range found.Spaces {
			need[s.Device] += r.File.Size
			if s.Error == "" && s.Free < need[s.Device]+spare {
				return fmt.Errorf("host %s has %d MB free for %s, and it takes %d MB; make room there", h.Name, s.Free>>20, s.Path, (need[s.Device]+spare)>>20)
			}
		}
	}
	return nil
}
