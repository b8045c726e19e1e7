package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision"
	"provision/provision/inventory"
	"provision/provision/report"
	"provision/provision/support"
)

func supportVerb(g *cli.Global) *cobra.Command {
	var out string
	var lines int
	cmd := &cobra.Command{
		Use:   "support [INVENTORY]",
		Short: "Write an archive for a support case",
		Long: `Collects status, diagnosis, plan and the inventory as parsed. From each host:
facts, the ledger, services with the end of their logs, disks, network and the
configuration that provision wrote. From the cluster: Nodes, events and pods that
do not run. It changes nothing and notes hosts that do not answer.

It collects no keys, kubeconfigs or secret files, and hides what looks like a
secret in logs. Logs may still show names and addresses: look through the archive
before you send it.

Exit codes: 0 the archive is written; 1 it is not.`,
		Example: "  provision support\n  provision --lab support inventories/lab.hcl --out /tmp/lab.tar.gz --lines 500",
		Args:    cli.InventoryArgs, ValidArgsFunction: cli.CompleteInventory,
		RunE: func(cmd *cobra.Command, args []string) error {
			inv, err := g.Load(cmd.Context(), args)
			if err != nil {
				return err
			}
			if lines < 1 || lines > 10000 {
				return fmt.Errorf("--lines %d is not between 1 and 10000", lines)
			}
			if out == "" {
				out = "support-" + inv.Cluster.Name + "-" + time.Now().UTC().Format("20060102-150405") + ".tar.gz"
			}
			return gather(cmd.Context(), g, inv, out, lines)
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "write to `FILE` (default support-CLUSTER-TIME.tar.gz)")
	cmd.Flags().IntVar(&lines, "lines", 300, "last `N` lines of each service's log")
	return cmd
}

// gather writes the archive so that a half-written one is never seen.
func gather(ctx context.Context, g *cli.Global, inv *inventory.Inventory, out string, lines int) error {
	file, err := os.CreateTemp(filepath.Dir(out), ".support-*") // 0600
	if err != nil {
		return cli.CannotWrite("the archive", out, err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	var known []string
	for _, login := range inv.Kubernetes.RegistryAuth {
		known = append(known, login.Reveal())
	}
	root := strings.TrimSuffix(filepath.Base(out), ".tar.gz")
	archive := support.New(file, support.Name(root), time.Now(), support.NewMask(known...))
	silent, err := fill(ctx, g, inv, archive, lines)
	if err != nil {
		return err
	}
	names, err := archive.Close()
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = file.Close()
	}
	if err == nil {
		err = os.Rename(file.Name(), out)
	}
	if err != nil {
		return cli.CannotWrite("the archive", out, err)
	}
	return tellArchive(g, out, names, silent)
}

// fill asks for each part by itself: one that fails is noted.
func fill(ctx context.Context, g *cli.Global, inv *inventory.Inventory, a *support.Archive, lines int) (silent []string, err error) {
	a.JSON("versions.json", map[string]string{"provision": cli.Version(), "system": runtime.GOOS + "/" + runtime.GOARCH,
		"written": time.Now().UTC().Format(time.RFC3339), "target": target(g, inv)})
	parts := []struct {
		name string
		get  func(o *provision.Operator) (any, error)
	}{
		{"status", func(o *provision.Operator) (any, error) { return o.Status(ctx) }},
		{"doctor", func(o *provision.Operator) (any, error) {
			d, err := o.Doctor(ctx)
			if err != nil {
				return nil, err
			}
			return withCommands(g, d), nil
		}},
		{"plan", func(o *provision.Operator) (any, error) {
			p, err := o.Plan(ctx)
			if err != nil {
				return nil, err
			}
			return cli.Document(p), nil
		}},
		{"hosts", func(o *provision.Operator) (any, error) {
			silent, err = o.Support(ctx, a, lines)
			return nil, err
		}},
	}
	for _, part := range parts {
		fmt.Fprintf(g.Err, "Collecting %s\n", part.name)
		o, err := g.Operate(inv, g.Waits)
		if err != nil {
			return nil, err
		}
		value, err := part.get(o)
		o.Close()
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			a.Failed(part.name, err)
		case value != nil:
			a.JSON(part.name+".json", value)
		}
	}
	return silent, nil
}

func target(g *cli.Global, inv *inventory.Inventory) string {
	if name := g.LabName(inv); name != "" {
		return "lab " + name
	}
	return "real hosts"
}

// tellArchive says what is in it.
func tellArchive(g *cli.Global, out string, names, silent []string) error {
	info, err := os.Stat(out)
	if err != nil {
		return err
	}
	if g.JSON {
		return report.JSON(g.Out, struct {
			File   string   `json:"file"`
			Size   int64    `json:"size"`
			Files  []string `json:"files"`
			Silent []string `json:"silent,omitempty"`
		}{out, info.Size(), names, silent})
	}
	count := map[string]int{}
	for _, name := range names {
		top := strings.SplitN(name, "/", 3)
		if len(top) > 2 {
			name = top[0] + "/" + top[1] + "/"
		}
		count[name]++
	}
	fmt.Fprintf(g.Out, "%s: %d files, %d KiB\n", out, len(names), (info.Size()+1023)/1024)
	var parts []string
	for name := range count {
		parts = append(parts, name)
	}
	slices.Sort(parts)
	for _, name := range parts {
		if strings.HasSuffix(name, "/") {
			fmt.Fprintf(g.Out, "  %s (%d files)\n", report.Line(name), count[name])
			continue
		}
		fmt.Fprintf(g.Out, "  %s\n", report.Line(name))
	}
	if len(silent) > 0 {
		fmt.Fprintf(g.Out, "Missing, because they did not answer: %s\n", strings.Join(silent, ", "))
	}
	fmt.Fprintln(g.Out, "Keys and secret files are left out, and what looks like a secret is hidden. Look through it before you send it.")
	return nil
}
