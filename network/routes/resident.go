package routes

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

const (
	// settle lets what belongs together happen: a daemon that restarts deletes
	// routes one by one.
	settle = 100 * time.Millisecond
	// again is when a table that could not be made right is tried again, and
	// lookAnyway when it is compared although nobody said a word.
	again      = time.Second
	lookAnyway = 10 * time.Second
)

// Resident holds the routes of one host.
type Resident struct {
	Config Config
	Table  Table
	// Nodes and Dead bring what is known now: all Nodes, all dead gateways.
	Nodes <-chan []Node
	Dead  <-chan map[netip.Addr]bool
	// Watch is told which next hops are worth asking whether they live.
	Watch func([]netip.Addr)
	// Save keeps Nodes for the next start.
	Save func([]Node) error
	// Log writes a line; Tell says in one line how things are.
	Log, Tell func(string)

	nodes []Node
	dead  map[netip.Addr]bool
	said  map[string]bool
}

// errBlind: the kernel's word was lost, and only a new start gets it back. Routes
// stay in the table meanwhile.
var errBlind = errors.New("cannot watch the host's routes any longer")

// Run holds the routes to the pods of Nodes, at first those that were kept, until
// the context ends. Routes stay when it does.
func (r *Resident) Run(ctx context.Context, kept []Node) error {
	changed, err := r.Table.Watch(ctx, r.Config.Pods)
	if err != nil {
		return err
	}
	r.learn(kept)
	news := false
	for {
		wait := lookAnyway
		if !r.hold() {
			wait = again
		}
		if news {
			r.keep()
			news = false
		}
		look := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			look.Stop()
			return nil
		case _, open := <-changed:
			if !open {
				if ctx.Err() != nil {
					return nil
				}
				return errBlind
			}
			pause(ctx, settle)
		case nodes := <-r.Nodes:
			r.learn(nodes)
			news = true
		case r.dead = <-r.Dead:
		case <-look.C:
		}
		look.Stop()
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (r *Resident) learn(nodes []Node) {
	r.nodes = nodes
	if r.Config.Via == ViaGateways {
		r.Watch(r.Config.GatewaysOf(nodes))
	}
}

func (r *Resident) keep() {
	if err := r.Save(r.nodes); err != nil {
		r.Log(err.Error() + "; after a reboot there are no routes until the API answers")
	}
}

// hold makes the table right, and reports whether it is. It says what is wrong
// once, and again when it was well in between.
func (r *Resident) hold() bool {
	wanted, problems := Wanted(r.Config, r.nodes, r.dead)
	table, err := r.Table.List()
	if err != nil {
		r.say([]string{err.Error()})
		return false
	}
	change := Diff(wanted, table)
	failed := r.do(change)
	if done := change.Summary(); done != "" && len(failed) == 0 {
		r.Log("routes: " + done)
	}
	problems = slices.Concat(problems, change.Conflicts, failed)
	r.say(problems)
	status := fmt.Sprintf("%d routes to pods", len(wanted)-len(failed))
	if len(problems) > 0 {
		status += "; " + strings.Join(problems, "; ")
	}
	r.Tell(status)
	return len(failed) == 0
}

// do removes first: what is added may lead to the same range.
func (r *Resident) do(c Change) (failed []string) {
	note := func(err error) {
		if err != nil {
			failed = append(failed, err.Error())
		}
	}
	for _, e := range c.Remove {
		note(r.Table.Remove(e))
	}
	for _, route := range c.Replace {
		note(r.Table.Replace(route))
	}
	for _, route := range c.Add {
		note(r.Table.Add(route))
	}
	return failed
}

func (r *Resident) say(problems []string) {
	now := map[string]bool{}
	for _, p := range problems {
		if now[p] = true; !r.said[p] {
			r.Log(p)
		}
	}
	r.said = now
}
