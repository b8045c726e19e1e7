package routes

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
)

// Start is the resident program: it reads its configuration and holds the host's
// routes until the context ends. Lines for the log go to out.
func Start(ctx context.Context, path string, out io.Writer) error {
	config, err := ReadConfig(path)
	if err != nil {
		return err
	}
	log := func(line string) { fmt.Fprintln(out, line) }
	kept, err := Load(config.State)
	if err != nil {
		log(err.Error() + "; going on without")
	}
	nodes, dead := make(chan []Node), make(chan map[netip.Addr]bool)
	gateways := &Gateways{Dial: DialTCP, Dead: func(d map[netip.Addr]bool) {
		if len(d) > 0 {
			log(fmt.Sprintf("gateways that do not answer: %v", addresses(d)))
		}
		send(ctx, dead, d)
	}}
	source := &Source{Config: config, Log: log, Known: func(list []Node) { send(ctx, nodes, list) }, Nodes: map[string]Node{}}
	for _, n := range kept {
		source.Nodes[n.Name] = n
	}
	resident := &Resident{Config: config, Table: Kernel(config.Pods), Nodes: nodes, Dead: dead, Watch: gateways.Watch, Log: log,
		Save: func(list []Node) error { return Save(config.State, list) },
		Tell: func(status string) { notify("READY=1\nSTATUS=" + status) }}
	go source.Run(ctx)
	if config.Via == ViaGateways {
		go gateways.Run(ctx)
	}
	return resident.Run(ctx, kept)
}

func send[T any](ctx context.Context, to chan<- T, value T) {
	select {
	case to <- value:
	case <-ctx.Done():
	}
}

func addresses(set map[netip.Addr]bool) []netip.Addr {
	var list []netip.Addr
	for a := range set {
		list = append(list, a)
	}
	return list
}

// notify tells systemd, where it asked to be told: sd_notify(3).
func notify(state string) {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: os.Getenv("NOTIFY_SOCKET"), Net: "unixgram"})
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = conn.Write([]byte(state))
}
