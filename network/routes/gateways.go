package routes

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

const (
	// probeEvery leaves three misses in a row below 3 s, wherever they begin.
	probeEvery = 700 * time.Millisecond
	probeMiss  = 3
	// quietFor is longer than the kernel asks for a hardware address: by then it
	// would have said that nobody has it.
	quietFor    = 6
	kubeletPort = 10250
)

type answer int

const (
	answered    answer = iota // also with a refusal: packets come and go
	silent                    // no answer in time
	unreachable               // the kernel finds no such neighbour, or a router says so
)

// judge is what is known of one gateway.
type judge struct {
	answers       bool // it did answer once
	misses, quiet int
	good          int
	dead          bool
}

// saw judges by an answer. A gateway that never answered may be behind a filter:
// it is dead only when it cannot be reached at all.
func (j *judge) saw(a answer) {
	switch {
	case a == answered:
		j.answers, j.misses, j.good = true, 0, j.good+1
		j.dead = j.dead && j.good < probeMiss
	case a == silent && !j.answers:
		if j.quiet++; j.quiet >= quietFor {
			j.dead = false
		}
	default:
		j.misses, j.good, j.quiet = j.misses+1, 0, 0
		j.dead = j.dead || j.misses >= probeMiss || !j.answers
	}
}

// Gateways asks next hops whether they are there.
type Gateways struct {
	// Dial connects and closes.
	Dial func(ctx context.Context, to netip.AddrPort) error
	// Dead is called with those that are, whenever they are others.
	Dead func(map[netip.Addr]bool)

	mu     sync.Mutex
	judges map[netip.Addr]*judge
}

// DialTCP is how Gateways asks in earnest.
func DialTCP(ctx context.Context, to netip.AddrPort) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", to.String())
	if err != nil {
		return err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // nothing stays behind in TIME_WAIT
	}
	return conn.Close()
}

// Watch says which next hops are asked from now on.
func (g *Gateways) Watch(addresses []netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	judges := map[netip.Addr]*judge{}
	for _, a := range addresses {
		if judges[a] = g.judges[a]; judges[a] == nil {
			judges[a] = &judge{}
		}
	}
	g.judges = judges
}

// Run asks until the context ends.
func (g *Gateways) Run(ctx context.Context) {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	var told map[netip.Addr]bool
	for {
		if dead := g.round(ctx); ctx.Err() == nil && !maps.Equal(dead, told) {
			told = dead
			g.Dead(dead)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// round asks all at once.
func (g *Gateways) round(ctx context.Context) map[netip.Addr]bool {
	g.mu.Lock()
	judges := maps.Clone(g.judges)
	g.mu.Unlock()
	limited, cancel := context.WithTimeout(ctx, probeEvery)
	defer cancel()
	var all sync.WaitGroup
	for address, j := range judges {
		all.Go(func() { j.saw(read(g.Dial(limited, netip.AddrPortFrom(address, kubeletPort)))) })
	}
	all.Wait()
	dead := map[netip.Addr]bool{}
	for address, j := range judges {
		if j.dead {
			dead[address] = true
		}
	}
	return dead
}

func read(err error) answer {
	switch {
	case err == nil, errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET):
		return answered
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return unreachable
	}
	return silent
}
