package examine

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"provision/provision/agent/api"
	"provision/provision/fleet"
	"provision/provision/inventory"
	"provision/provision/preflight"
)

const (
	// examineTime bounds what one host may take for anything but the network.
	examineTime = 20 * time.Second
	// reachTime bounds what is tried host to host.
	reachTime = 30 * time.Second
	// clockSamples are taken of each clock; the quickest answer tells most.
	clockSamples = 3
)

// How long synced writes are measured, and how many at most: of hosts that
// join, and of those on which what writes there works already.
const (
	latencyTime, latencyWrites = time.Second, 400
	joinTime, joinWrites       = 400 * time.Millisecond, 200
)

// Input is what is measured, and by what it is judged.
type Input struct {
	Inventory *inventory.Inventory
	Fleet     *fleet.Fleet
	Hosts     []preflight.Host // that answered
	// Concerned are the hosts that are measured; the others only take part.
	Concerned func(preflight.Host) bool
	// Full tries all hosts with all others; Brief measures no longer than an
	// apply can wait.
	Full, Brief bool
	// AllowUntestedOS and Ignore soften what is found.
	AllowUntestedOS bool
	Ignore          []string
	Now             func() time.Time
}

// Result is what was measured, and what is wrong.
type Result struct {
	Hosts    []preflight.Host
	Links    []preflight.Link
	Findings []preflight.Finding
}

// examination is what was measured so far.
type examination struct {
	Input
	links   []preflight.Link
	latency api.LatencyParams // but for where

	mu       sync.Mutex
	findings []preflight.Finding
}

// Run measures the hosts that are concerned, and what lies between them and all
// others.
func Run(ctx context.Context, in Input) Result {
	e := &examination{Input: in, latency: api.LatencyParams{Within: latencyTime, Writes: latencyWrites}}
	if in.Brief {
		e.latency.Within, e.latency.Writes = joinTime, joinWrites
	}
	e.each(func(h *preflight.Host) { e.look(ctx, h) })
	e.links = preflight.Links(in.Inventory, e.Hosts, in.Full, in.Concerned)
	var all sync.WaitGroup
	all.Go(func() { e.each(func(h *preflight.Host) { e.write(ctx, h) }) })
	e.connect(ctx)
	all.Wait()
	e.findings = append(e.findings, preflight.Judge(preflight.Input{
		Inventory: in.Inventory, AllowUntestedOS: in.AllowUntestedOS, Hosts: e.Hosts, Links: e.links, Ignore: in.Ignore,
	})...)
	return Result{e.Hosts, e.links, e.findings}
}

func (e *examination) each(do func(h *preflight.Host)) {
	list := make([]*preflight.Host, len(e.Hosts))
	for i := range e.Hosts {
		list[i] = &e.Hosts[i]
	}
	fleet.Spread(list, do)
}

func (e *examination) agent(host string) fleet.Agent { return e.Fleet.Members[host].Agent }

// failed notes a measurement that could not be made.
func (e *examination) failed(host string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.findings = append(e.findings, preflight.Finding{Severity: preflight.Warning, Host: host, Check: preflight.Agent,
		What: "it could not be examined: " + err.Error(), Remedy: "run this again"})
}

// look takes what one request tells, and the clock: also that of masters and
// etcd hosts, which the others are compared with.
func (e *examination) look(ctx context.Context, h *preflight.Host) {
	ctx, cancel := context.WithTimeout(ctx, examineTime)
	defer cancel()
	concerned := e.Concerned(*h)
	if concerned || h.Host.Keeper() {
		h.Clock = e.clock(ctx, h.Name)
	}
	if !concerned {
		return
	}
	params := api.InspectParams{Paths: h.Paths(), Modules: h.Checks.Modules}
	for _, p := range h.Ports {
		params.Ports = append(params.Ports, api.Port{Number: p.Number, UDP: p.UDP, Loopback: p.Loopback})
	}
	found, err := api.Inspect.Call(ctx, e.agent(h.Name), params)
	if err != nil {
		e.failed(h.Name, err)
		return
	}
	h.Found = &found
}

// clock compares a host's clock with ours, taking out the round trip.
func (e *examination) clock(ctx context.Context, host string) *preflight.Offset {
	var best *preflight.Offset
	for range clockSamples {
		sent := e.Now()
		answer, err := api.Clock.Call(ctx, e.agent(host), api.Empty{})
		trip := e.Now().Sub(sent)
		if err != nil {
			e.failed(host, err)
			return best
		}
		if best == nil || trip/2 < best.Err {
			best = &preflight.Offset{By: answer.Now.Sub(sent.Add(trip / 2)), Err: trip / 2}
		}
	}
	return best
}

// write measures synced writes where they must be quick.
func (e *examination) write(ctx context.Context, h *preflight.Host) {
	folder, asked := h.Writes()
	if !asked || !e.Concerned(*h) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, examineTime)
	defer cancel()
	params := e.latency
	params.Path = folder.Path
	if !h.New() {
		params.Within, params.Writes = joinTime/2, joinWrites/2 // it works there
	}
	result, err := api.Latency.Call(ctx, e.agent(h.Name), params)
	if err != nil {
		e.failed(h.Name, err)
		return
	}
	h.Latency = &result
}

// connect has hosts listen, others connect, and all close again.
func (e *examination) connect(ctx context.Context) {
	if len(e.links) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, reachTime+examineTime)
	defer cancel()
	nonce := newNonce()
	silent := e.listen(ctx, nonce)
	e.links = slices.DeleteFunc(e.links, func(l preflight.Link) bool {
		return slices.Contains(silent[l.To], api.Port{Number: l.Port.Number, UDP: l.Port.UDP})
	})
	from := map[string][]int{}
	for i, l := range e.links {
		from[l.From] = append(from[l.From], i)
	}
	e.each(func(h *preflight.Host) { e.reach(ctx, nonce, h.Name, from[h.Name]) })
	e.each(func(h *preflight.Host) {
		_, _ = api.Listen.Call(ctx, e.agent(h.Name), api.ListenParams{}) // the end of the session closes them as well
	})
}

// listen opens ports and returns, by host, those that could not be: they are
// taken, and Judge says by whom.
func (e *examination) listen(ctx context.Context, nonce string) map[string][]api.Port {
	silent := map[string][]api.Port{}
	e.each(func(h *preflight.Host) {
		ports := preflight.Listening(h.Name, e.links)
		if len(ports) == 0 {
			return
		}
		result, err := api.Listen.Call(ctx, e.agent(h.Name), api.ListenParams{Nonce: nonce, Address: h.Address.String(), Ports: ports, Within: reachTime + examineTime})
		if err != nil {
			e.failed(h.Name, err)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		if err != nil {
			silent[h.Name] = ports
		}
		for _, f := range result.Failed {
			silent[h.Name] = append(silent[h.Name], f.Port)
		}
	})
	return silent
}

func (e *examination) reach(ctx context.Context, nonce, host string, links []int) {
	if len(links) == 0 {
		return
	}
	params := api.ReachParams{Nonce: nonce, Within: reachTime}
	at := map[string]int{}
	for i := range e.Hosts { // not whole ones: what was measured on others is written meanwhile
		at[e.Hosts[i].Name] = i
	}
	for _, i := range links {
		l := e.links[i]
		to, _ := e.Inventory.Host(l.To)
		params.Targets = append(params.Targets, api.Target{UDP: l.Port.UDP, Live: l.Live, Size: l.Size,
			Address: net.JoinHostPort(to.Address.String(), strconv.Itoa(l.Port.Number))})
	}
	result, err := api.Reach.Call(ctx, e.agent(host), params)
	if err != nil {
		e.failed(host, err)
		return
	}
	for _, f := range result.Failed {
		if f.Target >= 0 && f.Target < len(links) {
			l := &e.links[links[f.Target]]
			l.Reached(e.Hosts[at[l.To]], &f)
		}
	}
}

// newNonce is what listeners answer to.
func newNonce() string {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic(fmt.Sprintf("no randomness: %v", err)) // crypto/rand never fails on Linux
	}
	return hex.EncodeToString(b[:])
}
