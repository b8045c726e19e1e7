package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision/inventory"
	"provision/provision/lab"
	"provision/provision/remote"
	"provision/provision/report"
)

func hostkeysVerb(g *cli.Global) *cobra.Command {
	return cli.Group("hostkeys", "Show and accept the hosts' SSH keys", scanVerb(g), acceptVerb(g))
}

// scanned is what one host showed.
type scanned struct {
	Host    string           `json:"host"`
	Address string           `json:"address"`
	Keys    []remote.HostKey `json:"keys,omitempty"`
	Error   string           `json:"error,omitempty"`
}

func scanVerb(g *cli.Global) *cobra.Command {
	return &cobra.Command{
		Use:   "scan [INVENTORY]",
		Short: "Show the hosts' SSH keys",
		Long: `Asks every host for its SSH keys and shows the fingerprints, and the line that
pins a key in the inventory (host_key = "…"). It accepts nothing: compare the
fingerprints on the hosts' consoles (ssh-keygen -lf
/etc/ssh/ssh_host_ed25519_key.pub).`,
		Example: "  provision hostkeys scan inventories/dc1.hcl\n  provision hostkeys scan --json -i dc1.hcl",
		Args:    cli.InventoryArgs, ValidArgsFunction: cli.CompleteInventory,
		RunE: func(cmd *cobra.Command, args []string) error {
			inv, err := g.Load(cmd.Context(), args)
			if err != nil {
				return err
			}
			settings, err := g.Settings(inv)
			if err != nil {
				return err
			}
			results := scan(cmd.Context(), g, settings, inv.Hosts)
			return showScan(g, results)
		},
	}
}

func showScan(g *cli.Global, results []scanned) error {
	if g.JSON {
		if err := report.JSON(g.Out, results); err != nil {
			return err
		}
	}
	failed := false
	for _, r := range results {
		failed = failed || r.Error != ""
		if g.JSON {
			continue
		}
		fmt.Fprintf(g.Out, "%s (%s)\n", r.Host, r.Address)
		for _, k := range r.Keys {
			fmt.Fprintf(g.Out, "  %-20s %s\n    host_key = %q\n", report.Line(k.Type), k.Fingerprint, k.Pin)
		}
		if r.Error != "" {
			fmt.Fprintf(g.Out, "  %s\n", report.Clean(r.Error))
		}
	}
	if failed {
		return cli.Exit(cli.ExitError)
	}
	return nil
}

func scan(ctx context.Context, g *cli.Global, settings remote.Settings, hosts []inventory.Host) []scanned {
	results := make([]scanned, len(hosts))
	var all sync.WaitGroup
	for i, h := range hosts {
		all.Go(func() {
			address, keys, err := remote.Scan(ctx, settings, h)
			results[i] = scanned{Host: h.Name, Address: address, Keys: keys}
			if err != nil {
				results[i].Error = err.Error()
			}
		})
	}
	all.Wait()
	return results
}

func acceptVerb(g *cli.Global) *cobra.Command {
	var replaced, yes bool
	var file string
	cmd := &cobra.Command{
		Use:   "accept HOST...",
		Short: "Write hosts' SSH keys to known_hosts",
		Long: `Shows the key of each named host and, if you agree, writes it to known_hosts. A
key that differs from the known one needs --replaced. Use --replaced only for a
machine that was reinstalled or replaced.

A cluster remembers its machines. Another machine under a host's name gets
nothing until its key is accepted with --replaced, even if the inventory pins
host keys or an authority signs them. With --lab, the lab's own record is used.`,
		Example: "  provision hostkeys accept m1 m2 m3 -i dc1.hcl\n  provision hostkeys accept node-07 --replaced",
		Args:    cli.AtLeast(1), ValidArgsFunction: g.CompleteHosts,
		RunE: func(cmd *cobra.Command, args []string) error {
			inv, err := g.Load(cmd.Context(), nil)
			if err != nil {
				return err
			}
			if g.JSON && !yes {
				return errors.New("cannot ask for consent with --json: compare the fingerprints, then add --yes")
			}
			accepted := []accepted{}
			for _, name := range args {
				one, err := accept(cmd.Context(), g, inv, name, file, replaced, yes)
				if err != nil {
					return err
				}
				accepted = append(accepted, one)
			}
			if g.JSON {
				return report.JSON(g.Out, accepted)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&replaced, "replaced", false, "the machine was replaced: drop its known key")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask: you have compared the fingerprints")
	cmd.Flags().StringVar(&file, "known-hosts", "", "write to `FILE` (default: the inventory's first known_hosts file, else ~/.ssh/known_hosts)")
	return cmd
}

// accepted is a key that was written.
type accepted struct {
	scanned
	File string `json:"file"`
}

func accept(ctx context.Context, g *cli.Global, inv *inventory.Inventory, name, file string, replaced, yes bool) (accepted, error) {
	none := accepted{}
	h, ok := inv.Host(name)
	if !ok {
		return none, fmt.Errorf("cannot accept a key of %q: the inventory has no such host", name)
	}
	settings, err := g.Settings(inv)
	if err != nil {
		return none, err
	}
	address, keys, err := remote.Scan(ctx, settings, h)
	switch {
	case err != nil:
		return none, fmt.Errorf("cannot accept a key of %s: %w", name, err)
	case len(keys) == 0:
		return none, fmt.Errorf("cannot accept a key of %s: %s offered none", name, address)
	}
	key, err := pinned(h, keys, settings.Lab != nil)
	if err != nil {
		return none, err
	}
	if file == "" && settings.Lab == nil {
		if file, err = remote.KnownHosts(settings, h); err != nil {
			return none, err
		}
	}
	if !g.JSON {
		fmt.Fprintf(g.Out, "%s (%s) shows %s %s\n", name, address, report.Line(key.Type), key.Fingerprint)
	}
	if !yes {
		agreed, err := g.Ask1("Is this its key? Type yes: ")
		if err != nil {
			return none, err
		}
		if !agreed {
			return none, fmt.Errorf("the key of %s was not accepted: nothing was written", name)
		}
	}
	if file, err = keep(settings.Lab, file, name, address, key, replaced); err != nil {
		return none, err
	}
	if !g.JSON {
		fmt.Fprintf(g.Out, "Written to %s.\n", file)
	}
	return accepted{scanned{Host: name, Address: address, Keys: []remote.HostKey{key}}, file}, nil
}

// keep writes the key to known_hosts, or to the record of a lab.
func keep(in *remote.Lab, file, host, address string, key remote.HostKey, replaced bool) (string, error) {
	if in == nil {
		return file, remote.Accept(file, address, key, replaced)
	}
	opened, err := lab.Open(in.Name)
	if err != nil {
		return "", err
	}
	return opened.SSHFiles().KnownHosts, opened.AcceptKey(host, key.Pin, replaced)
}

// pinned is the key to accept: the one that the inventory pins, else the best.
func pinned(h inventory.Host, keys []remote.HostKey, inLab bool) (remote.HostKey, error) {
	if h.HostKey == "" || inLab {
		return keys[0], nil
	}
	for _, k := range keys {
		if pin := strings.TrimSpace(h.HostKey); pin == k.Fingerprint || strings.HasPrefix(pin, k.Pin) {
			return k, nil
		}
	}
	return remote.HostKey{}, fmt.Errorf("cannot accept a key of %s: the inventory pins another one (%[3]s); if the machine was replaced, write host_key = %[2]q there first", h.Name, keys[0].Pin, h.Range)
}
