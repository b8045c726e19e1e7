package support

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"provision/provision/access"
	"provision/provision/agent/api"
	"provision/provision/checkup"
	"provision/provision/facts"
	"provision/provision/fleet"
	"provision/provision/identity"
	"provision/provision/resource"
	"provision/provision/resource/file"
)

// supportTime bounds what one host, or the cluster, is waited for.
const supportTime = time.Minute

// Gather puts into an archive what hosts and the cluster tell of themselves:
// facts, the ledger, services with the last lines of their logs, disks, network,
// configuration without keys; Nodes, events and pods that do not run. Hosts
// that do not answer are noted and returned.
func (rd *Reader) Gather(ctx context.Context, a *Archive, lines int) (silent []string, err error) {
	identified := rd.Fleet.Identify(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if errors.Is(identified, identity.ErrForeign) {
		return nil, identified
	}
	if identified != nil {
		a.Failed("identity", identified)
	}
	a.JSON("inventory.json", View(rd.Fleet.Inventory))
	expected := rd.Expect()
	for _, h := range rd.Fleet.Inventory.Hosts {
		if failed := rd.Fleet.Absent[h.Name].Why; failed != nil {
			a.Failed("hosts/"+h.Name+"/unreachable", failed)
			silent = append(silent, h.Name)
		}
	}
	var all sync.WaitGroup
	all.Go(func() {
		fleet.Spread(rd.Fleet.Names(), func(name string) { rd.supportHost(ctx, a, rd.Fleet.Members[name], expected[name], lines) })
	})
	if rd.Fleet.Decision.Identity != nil {
		all.Go(func() { rd.supportCluster(ctx, a) })
	}
	all.Wait()
	return silent, ctx.Err()
}

// supportHost collects from one host.
func (rd *Reader) supportHost(ctx context.Context, a *Archive, m *fleet.Member, e *checkup.Expectation, lines int) {
	ctx, cancel := context.WithTimeout(ctx, supportTime)
	defer cancel()
	folder := "hosts/" + m.Host.Name + "/"
	known := m.Facts
	a.JSON(folder+"ledger.json", known.Owned)
	known.Owned.Resources, known.Owned.Roster, known.Blobs = nil, nil, nil
	a.JSON(folder+"facts.json", known)
	a.JSON(folder+"metrics.json", e.Metrics)
	c := rd.Checkups(true).At(ctx, m, e)
	if c.Err != nil {
		a.Failed(folder+"health", c.Err)
	}
	a.JSON(folder+"health.json", map[string]any{"health": c.Health, "drift": c.Drift, "probes": c.Probes, "clock_ahead": c.Skew.String()})
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() {
		found, err := api.Collect.Call(ctx, m.Agent, api.CollectParams{Files: configFiles(m, e)})
		if err != nil {
			a.Failed(folder+"collected", err)
			return
		}
		for _, item := range found.Items {
			text := item.Text
			if item.Error != "" {
				text += "\n[" + item.Error + "]\n"
			}
			place := "commands/"
			if strings.HasPrefix(item.Name, "/") {
				place = "files"
			}
			a.Add(folder+place+strings.ReplaceAll(item.Name, " ", "_"), []byte(text))
		}
	})
	for _, w := range e.Units {
		all.Go(func() {
			log, err := api.Journal.Call(ctx, m.Agent, api.JournalParams{Unit: w.Unit, Lines: lines})
			if err != nil {
				a.Failed(folder+"journal/"+w.Unit, err)
				return
			}
			a.Add(folder+"journal/"+w.Unit+".log", []byte(strings.Join(log.Lines, "\n")+"\n"))
		})
	}
}

// configFiles are the files that provision wrote to the host, without those
// that are secret.
func configFiles(m *fleet.Member, e *checkup.Expectation) []string {
	var paths []string
	for _, r := range e.Resources {
		if r.Address.Kind == file.Kind && !secretFile(r) && slices.ContainsFunc(m.Facts.Owned.Resources, ownedAs(r)) {
			paths = append(paths, r.Address.Name)
		}
	}
	return paths
}

// supportCluster collects from the API.
func (rd *Reader) supportCluster(ctx context.Context, a *Archive) {
	ctx, cancel := context.WithTimeout(ctx, supportTime)
	defer cancel()
	reach, stop := context.WithTimeout(ctx, access.ReachBudget)
	defer stop()
	if err := rd.API.Reach(reach); err != nil {
		a.Failed("cluster/api", err)
		return
	}
	for name, path := range map[string]string{
		"nodes":              "/api/v1/nodes?limit=5000",
		"events":             "/api/v1/events?limit=2000",
		"pods-not-running":   "/api/v1/pods?limit=2000&fieldSelector=status.phase%21%3DRunning%2Cstatus.phase%21%3DSucceeded",
		"pods-of-the-system": "/api/v1/namespaces/kube-system/pods?limit=1000",
	} {
		list, err := rd.API.Summary(ctx, path)
		if err != nil {
			a.Failed("cluster/"+name, err)
			continue
		}
		a.JSON("cluster/"+name+".json", list)
	}
}

// secretFile reports whether a file's content must not be shown.
func secretFile(r resource.Resource) bool {
	var spec file.Spec
	return json.Unmarshal(r.Spec, &spec) != nil || !spec.Secret.Empty()
}

func ownedAs(r resource.Resource) func(facts.Resource) bool {
	id := r.Address.ID()
	return func(owned facts.Resource) bool { return owned.ID == id }
}
