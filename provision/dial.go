package provision

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"

	etcdcomponent "provision/provision/component/etcd"
	"provision/provision/event"
	"provision/provision/facts"
	"provision/provision/fleet"
	"provision/provision/internal/system"
	"provision/provision/inventory"
)

// dial connects to all hosts at once (the connector bounds how many really are)
// and asks for their facts. A host that fails does not stop the others.
func (o *Operator) dial(ctx context.Context) {
	o.fleet.Members, o.fleet.Failed = map[string]*fleet.Member{}, map[string]error{}
	var mu sync.Mutex
	var names []string
	for _, h := range o.Inventory.Hosts {
		names = append(names, h.Name)
	}
	waiting := o.wait("connecting and looking at it", names)
	defer waiting.stop()
	fleet.Spread(o.Inventory.Hosts, func(host inventory.Host) {
		m, err := o.dialOne(ctx, host)
		waiting.ready(host.Name)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			o.fleet.Failed[host.Name] = err
			o.emit(event.Event{Type: event.HostFailed, Host: host.Name, Text: err.Error()})
			return
		}
		o.fleet.Members[host.Name] = m
		o.emit(event.Event{Type: event.HostConnected, Host: host.Name})
	})
}

func (o *Operator) dialOne(ctx context.Context, host inventory.Host) (*fleet.Member, error) {
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
	return fleet.Join(host, agent, known), nil
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
