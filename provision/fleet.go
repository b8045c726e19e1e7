package provision

import (
	"context"
	"crypto/rand"
	"fmt"
	"sort"
	"sync"

	etcdcomponent "provision/provision/component/etcd"
	"provision/provision/event"
	"provision/provision/facts"
	"provision/provision/internal/system"
	"provision/provision/inventory"
)

// member is a host that answered.
type member struct {
	host  inventory.Host
	agent *line
	facts facts.Host
}

// fleet is who answered, and who did not and why.
type fleet struct {
	members map[string]*member
	failed  map[string]error
}

// dial connects to all hosts at once (the connector bounds how many really are)
// and asks for their facts. A host that fails does not stop the others.
func (o *Operator) dial(ctx context.Context) *fleet {
	f := &fleet{members: map[string]*member{}, failed: map[string]error{}}
	o.fleet = f
	var mu sync.Mutex
	var names []string
	for _, h := range o.Inventory.Hosts {
		names = append(names, h.Name)
	}
	waiting := o.wait("connecting and looking at it", names)
	defer waiting.stop()
	spread(o.Inventory.Hosts, func(host inventory.Host) {
		m, err := o.dialOne(ctx, host)
		waiting.ready(host.Name)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			f.failed[host.Name] = err
			o.emit(event.Event{Type: event.HostFailed, Host: host.Name, Text: err.Error()})
			return
		}
		f.members[host.Name] = m
		o.emit(event.Event{Type: event.HostConnected, Host: host.Name})
	})
	return f
}

func (o *Operator) dialOne(ctx context.Context, host inventory.Host) (*member, error) {
	if err := o.aside[host.Name]; err != nil {
		return nil, err
	}
	o.emit(event.Event{Type: event.HostConnecting, Host: host.Name})
	agent, err := o.Connector.Connect(ctx, host, o.signFor(host))
	if err != nil {
		return nil, err
	}
	known, err := agent.Facts(ctx, etcdcomponent.MemberDir(o.Inventory), etcdcomponent.LogDir(o.Inventory))
	if err == nil {
		err = o.rightTarget(host, known)
	}
	if err != nil {
		_ = agent.Close()
		return nil, err
	}
	return &member{host: host, agent: newLine(agent), facts: known}, nil
}

// rightTarget keeps a rehearsal off the real hosts, and the other way round.
func (o *Operator) rightTarget(host inventory.Host, known facts.Host) error {
	switch {
	case o.Lab != "" && known.Lab != o.Lab:
		return fmt.Errorf("refusing host %s: it is not a host of lab %q (no marker %s that says so); without --lab it would be a real host",
			host.Name, o.Lab, system.LabMarker)
	case o.Lab == "" && known.Lab != "":
		return fmt.Errorf("refusing host %s: it is a host of lab %q, not a real one; to act on the lab use --lab", host.Name, known.Lab)
	}
	return nil
}

// answered are the hosts of the inventory that take part, in its order.
func (f *fleet) answered(inv *inventory.Inventory) []inventory.Host {
	var hosts []inventory.Host
	for _, h := range inv.Hosts {
		if f.members[h.Name] != nil {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

func (f *fleet) names() []string {
	names := make([]string, 0, len(f.members))
	for name := range f.members {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func (f *fleet) close() {
	var all sync.WaitGroup
	for _, m := range f.members {
		all.Go(func() { _ = m.agent.Close() }) // the session is over either way
	}
	all.Wait()
}

// each runs do for every name at once and returns the errors by name.
func each(names []string, do func(name string) error) map[string]error {
	var mu sync.Mutex
	errs := map[string]error{}
	spread(names, func(name string) {
		if err := do(name); err != nil {
			mu.Lock()
			defer mu.Unlock()
			errs[name] = err
		}
	})
	return errs
}

// wide bounds how many hosts are talked to at once: enough to hide round trips,
// few enough that on a busy machine the heartbeats of all sessions get their
// turn between the answers.
const wide = 256

// spread runs do for every item, wide at once, and waits for all.
func spread[T any](list []T, do func(item T)) {
	slots := make(chan struct{}, wide)
	var all sync.WaitGroup
	for _, item := range list {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			do(item)
		})
	}
	all.Wait()
}

// uuid returns a random UUID (RFC 9562, version 4).
func uuid() (string, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("making a UUID: %w", err)
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}
