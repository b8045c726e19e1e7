package remote

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"provision/provision/agent/api"
	"provision/provision/facts"
	"provision/provision/internal/ssh"
	"provision/provision/internal/system"
	"provision/provision/interview"
	"provision/provision/inventory"
	"provision/provision/osfacts"
)

// probeTimeout bounds the test of one host.
const probeTimeout = 2 * time.Minute

// Prober tests hosts for an interview: it logs in, becomes root, starts the
// agent and asks it for facts. Nothing else is changed.
type Prober struct {
	// Settings say how the hosts of an inventory are reached.
	Settings func(inv *inventory.Inventory) (Settings, error)
	// KnownHosts is the file that accepted keys are written to; "" is the first
	// that is read.
	KnownHosts string
}

// Probe tests all hosts of the inventory at once.
func (p Prober) Probe(ctx context.Context, inv *inventory.Inventory) map[string]interview.Result {
	results := map[string]interview.Result{}
	settings, err := p.Settings(inv)
	var connector *Connector
	if err == nil {
		connector, err = Open(settings)
	}
	if err != nil {
		for _, h := range inv.Hosts {
			results[h.Name] = interview.Result{Err: err}
		}
		return results
	}
	defer connector.Close()
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, h := range inv.Hosts { // the pool bounds how many are dialled at once
		all.Go(func() {
			r := connector.probe(ctx, h, settings.Lab)
			mu.Lock()
			defer mu.Unlock()
			results[h.Name] = r
		})
	}
	all.Wait()
	return results
}

func (c *Connector) probe(ctx context.Context, h inventory.Host, lab *Lab) interview.Result {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	agent, err := c.Connect(ctx, h, func(context.Context, system.SignRequest) ([]byte, error) {
		return nil, errors.New("nothing is signed while hosts are tested")
	})
	if err != nil {
		var failed *ssh.Error
		unknown := errors.As(err, &failed) && errors.Is(failed.Kind, ssh.ErrHostKeyUnknown) && failed.Host == h.Name
		return interview.Result{Err: err, Unknown: unknown}
	}
	defer agent.Close()
	known, err := api.Facts.Call(ctx, agent, api.FactsParams{})
	switch {
	case err != nil:
		return interview.Result{Err: err}
	case lab == nil && known.Lab != "":
		return interview.Result{Err: fmt.Errorf("it is a host of lab %q, not a real one; for the lab use --lab=%s", known.Lab, known.Lab)}
	case lab != nil && known.Lab != lab.Name:
		return interview.Result{Err: fmt.Errorf("it is not a host of lab %q", lab.Name)}
	}
	return interview.Result{Report: reportOf(known)}
}

func reportOf(f facts.Host) *interview.Report {
	r := &interview.Report{Hostname: f.Hostname, MachineID: f.MachineID, OS: f.OS.Name, Arch: f.Arch, CPUs: f.CPUs,
		MemoryKiB: f.MemoryKiB, Addresses: f.Addresses, Lab: f.Lab}
	if _, ok := osfacts.Lookup(f.OS); !ok {
		r.UnknownOS = "not a tested system"
	}
	return r
}

// Keys scans hosts for their keys.
func (p Prober) Keys(ctx context.Context, inv *inventory.Inventory, names []string) map[string]interview.Key {
	keys := map[string]interview.Key{}
	settings, err := p.Settings(inv)
	var mu sync.Mutex
	var all sync.WaitGroup
	slots := make(chan struct{}, max(1, inv.SSH.Parallel))
	for _, name := range names {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			k := interview.Key{Err: err}
			if h, ok := inv.Host(name); ok && err == nil {
				k = p.key(ctx, settings, h)
			}
			mu.Lock()
			defer mu.Unlock()
			keys[name] = k
		})
	}
	all.Wait()
	return keys
}

func (p Prober) key(ctx context.Context, settings Settings, h inventory.Host) interview.Key {
	address, found, err := Scan(ctx, settings, h)
	switch {
	case err != nil:
		return interview.Key{Err: err}
	case len(found) == 0:
		return interview.Key{Err: fmt.Errorf("%s offered no key", address)}
	}
	return interview.Key{Host: h.Name, Address: address, Type: found[0].Type, Fingerprint: found[0].Fingerprint,
		Write: func() (string, error) {
			file := p.KnownHosts
			if file == "" {
				if file, err = KnownHosts(settings, h); err != nil {
					return "", err
				}
			}
			return file, Accept(file, address, found[0], false)
		}}
}

var _ interview.Prober = Prober{}
