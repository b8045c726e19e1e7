package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"provision/provision/etcd/backup/config"
	"provision/provision/etcd/backup/prove"
	"provision/provision/etcd/backup/take"
	"provision/provision/etcd/backup/target"
	"provision/provision/etcd/backup/target/local"
	"provision/provision/etcd/backup/target/open"
	"provision/provision/internal/ledger"
	"provision/provision/internal/system"
)

const usage = "usage: provision-etcd backup [--now|--local] | escrow | receive"

// Run does one verb; what it does goes to out, a line each.
func Run(ctx context.Context, args []string, out io.Writer) error {
	verbs := map[string]func(*take.Taker) error{
		"backup":         func(t *take.Taker) error { return t.Scheduled(ctx) },
		"backup --now":   func(t *take.Taker) error { return t.ByHand(ctx) },
		"backup --local": func(t *take.Taker) error { return t.Local(ctx) },
		"escrow":         func(t *take.Taker) error { return t.Escrow(ctx) },
		"receive":        func(t *take.Taker) error { return receive(ctx, t.Config) },
	}
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	if len(args) == 2 && slices.Contains([]string{"--now", "--local"}, args[1]) {
		name += " " + args[1]
	}
	do, known := verbs[name]
	if !known || len(args) > 2 {
		return errors.New(usage)
	}
	t, err := taker(out)
	if err != nil {
		return err
	}
	return do(t)
}

// taker reads what this host is told.
func taker(out io.Writer) (*take.Taker, error) {
	raw, err := os.ReadFile(config.Path)
	if err != nil {
		return nil, fmt.Errorf("reading what to do: %w; run provision apply", err)
	}
	c, err := config.Parse(raw)
	if err != nil {
		return nil, err
	}
	state, err := ledger.Read(system.LedgerDir)
	if err != nil {
		return nil, fmt.Errorf("reading which cluster this host belongs to: %w", err)
	}
	if state.Identity == nil {
		return nil, errors.New("this host belongs to no cluster yet; run provision apply")
	}
	return &take.Taker{
		Config: c, Cluster: state.Identity.UUID, Identity: system.IdentityDir, State: config.StateDir,
		Programs: prove.Programs{Etcd: "/usr/local/bin/etcd", Etcdutl: "/usr/local/bin/etcdutl"},
		Now:      time.Now, Log: out, Dial: take.Dialer(c.Pair),
		Open: func(spec target.Spec) (target.Target, error) {
			if spec.Local != nil && spec.Local.Host == c.Host {
				return local.Open(spec.Name, spec.Local.Path)
			}
			return open.Target(spec, func() (*http.Client, error) { return take.HTTPClient(c.Pair) })
		},
	}, nil
}
