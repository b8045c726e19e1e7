package certs

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision"
)

func certsRenewVerb(g *cli.Global) *cobra.Command {
	a := cli.Application{Global: g}
	renewal := &provision.Renewal{}
	cmd := &cobra.Command{
		Use:   "renew [HOST…]",
		Short: "Renew certificates that are due or have expired, authorities included",
		Long: `Plans, asks, and renews certificates on the named hosts, or on all: those that
have expired, are missing or in the last third of their life; with --all, every
one. Nothing else changes. Services reload a renewed certificate by themselves.
The plan shows the ones that restart instead, one host at a time where it matters.

An authority that has expired, or will within the life of what it signs, first
gets a new certificate for the same key, so what it has signed stays valid.
Whatever holds the old one in memory is restarted.

It works when everything has expired: without the API and etcd, over SSH alone.
Services that are down anyway then restart on all hosts at once.`,
		Example: `  provision certs renew
  provision certs renew --all
  provision certs renew node-07
  provision --lab certs renew --yes -i inventories/lab.hcl`,
		Args: cobra.ArbitraryArgs, ValidArgsFunction: g.CompleteHosts,
		RunE: func(cmd *cobra.Command, args []string) error {
			renewal.Hosts = args
			a.Task = renewal
			return a.Told(renewCerts(cmd.Context(), &a, args))
		},
	}
	a.Yes.Flag(cmd)
	cmd.Flags().BoolVar(&renewal.All, "all", false, "renew every certificate, due or not")
	a.MinorityFlag(cmd)
	return cmd
}

func renewCerts(ctx context.Context, a *cli.Application, hosts []string) (err error) {
	if err := a.Begin(ctx); err != nil {
		return err
	}
	if err := cli.KnownHosts(a.Inv, hosts); err != nil {
		return err
	}
	if err := renewAuthorities(ctx, a); err != nil {
		return err
	}
	return a.Apply(ctx)
}

// renewAuthorities comes first: what they sign ends with them.
func renewAuthorities(ctx context.Context, a *cli.Application) error {
	progress := a.Global.Progress(a.Out)
	defer progress.Close()
	o, err := a.Operate(a.Inv, progress.Event, func(o *provision.Options) { o.AllowMinority = a.Minority })
	if err != nil {
		return err
	}
	defer o.Close()
	return o.RenewAuthorities(ctx, func(due []provision.Authority) (bool, error) {
		if live, ok := progress.(interface{ Pause() }); ok {
			live.Pause()
		}
		if a.JSON {
			a.Line(struct {
				Type        string                `json:"type"`
				Authorities []provision.Authority `json:"authorities"`
			}{"authorities", due})
			return true, nil
		}
		for _, one := range due {
			state := "ends"
			if one.Ended {
				state = "ended"
			}
			fmt.Fprintf(a.Out, "authority %s %s on %s: it gets another certificate for the same key, on every host\n", one.Name, state, one.NotAfter.Format(time.DateTime))
		}
		if a.Yes.Given() {
			return true, nil
		}
		return a.Consent(a.Inv.Cluster, o.Target(), "Renew this")
	})
}
