package fleet

import (
	"context"
	"fmt"
	"sync"

	"provision/provision/agent/api"
	etcdcomponent "provision/provision/component/etcd"
	"provision/provision/event"
	"provision/provision/facts"
	"provision/provision/internal/system"
	"provision/provision/inventory"
)

// Dial connects to all hosts at once (the connector bounds how many really are)
// and asks for their facts. A host that fails does not stop the others.
func (f *Fleet) Dial(ctx context.Context) {
	f.Members, f.Absent = map[string]*Member{}, map[string]Absent{}
	var mu sync.Mutex
	var names []string
	for _, h := range f.Inventory.Hosts {
		names = append(names, h.Name)
	}
	waiting := f.Wait("connecting and reading facts", names)
	defer waiting.Stop()
	Spread(f.Inventory.Hosts, func(host inventory.Host) {
		m, err := f.DialOne(ctx, host)
		waiting.Ready(host.Name)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			f.Absent[host.Name] = Absent{Host: host, Why: err}
			f.Emit(event.Event{Type: event.HostFailed, Host: host.Name, Text: err.Error()})
			return
		}
		f.Members[host.Name] = m
		f.Emit(event.Event{Type: event.HostConnected, Host: host.Name})
	})
}

func (f *Fleet) DialOne(ctx context.Context, host inventory.Host) (*Member, error) {
	if err := f.Aside[host.Name]; err != nil {
		return nil, err
	}
	f.Emit(event.Event{Type: event.HostConnecting, Host: host.Name})
	agent, err := f.Connector.Connect(ctx, host, f.SignFor(host))
	if err != nil {
		return nil, err
	}
	known, err := api.Facts.Call(ctx, agent, api.FactsParams{Paths: []string{etcdcomponent.MemberDir(f.Inventory), etcdcomponent.LogDir(f.Inventory)}})
	if err == nil {
		err = f.rightTarget(host, known)
	}
	if err != nil {
		_ = agent.Close()
		return nil, err
	}
	return Join(host, agent, known), nil
}

// rightTarget keeps a rehearsal off the real hosts, and the other way round.
func (f *Fleet) rightTarget(host inventory.Host, known facts.Host) error {
	switch {
	case f.Lab != "" && known.Lab != f.Lab:
		return fmt.Errorf("refusing host %s: it is not a host of lab %q (it lacks the marker %s); without --lab it is a real host",
			host.Name, f.Lab, system.LabMarker)
	case f.Lab == "" && known.Lab != "":
		return fmt.Errorf("refusing host %s: it is a host of lab %q, not a real one; to act on the lab use --lab", host.Name, known.Lab)
	}
	return nil
}

// Target names what is acted on, for headers and consent.
func (f *Fleet) Target() string {
	if f.Lab != "" {
		return fmt.Sprintf("lab %q", f.Lab)
	}
	return "the real hosts"
}

// Reconnect makes a session with a host that was known before.
func (f *Fleet) Reconnect(ctx context.Context, m *Member) (Agent, facts.Host, error) {
	agent, err := f.Connector.Connect(ctx, m.Host, f.SignFor(m.Host))
	if err != nil {
		return nil, facts.Host{}, err
	}
	known, err := api.Facts.Call(ctx, agent, api.FactsParams{})
	if err == nil {
		err = f.rightTarget(m.Host, known)
	}
	if err == nil && known.MachineID != m.Facts.MachineID {
		err = fmt.Errorf("another machine answers at the address of host %s", m.Host.Name)
	}
	if err != nil {
		_ = agent.Close()
		return nil, facts.Host{}, err
	}
	return agent, known, nil
}
