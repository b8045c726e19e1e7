package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"provision/addons"
	addonlist "provision/addons/catalogue"
	"provision/provision/bundle"
	"provision/provision/bundle/pull"
	"provision/provision/bundle/store"
	"provision/provision/component"
	"provision/provision/component/components"
	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/provision/osfacts"
	"provision/provision/report"
)

func bundleVerb(g *global) *cobra.Command {
	return group("bundle", "Obtain, check and list the artifacts that hosts need",
		pullVerb(g, "pull", "Obtain what the inventory needs and the store lacks",
			`Obtains every artifact that the inventory's hosts need: from a bundle folder or a
mirror if one is named, from the publishers' releases over HTTPS, or built from
source through the Go module proxy; OS packages come with apt from this
machine's own mirrors. Every byte is checked before it is kept. What the store
has ($PROVISION_CACHE, else ~/.cache/provision) is reused.`),
		pullVerb(g, "build", "Like pull, but build from source only",
			"Builds every artifact from source through the Go module proxy, whose checksum\ndatabase vouches for it. The first build takes about half an hour on two cores."),
		verifyVerb(g), bundleListVerb(g))
}

func pullVerb(g *global, use, short, long string) *cobra.Command {
	var options pull.Options
	var arches, systems []string
	cmd := &cobra.Command{
		Use: use + " [INVENTORY]", Short: short, Long: long, Args: inventoryArgs,
		Example: "  provision bundle " + use + " inventories/lab.hcl\n  provision bundle " + use + " --os debian-13 --arch arm64 dc2.hcl",
		RunE: func(cmd *cobra.Command, args []string) error {
			inv, err := g.load(cmd.Context(), args)
			if err != nil {
				return err
			}
			refs, err := needed(inv, arches, systems)
			if err != nil {
				return err
			}
			opened, err := store.Open(store.Options{})
			if err != nil {
				return err
			}
			obtain := pull.Pull
			if use == "build" {
				obtain = pull.Build
			}
			return g.obtain(cmd.Context(), opened, refs, options, obtain)
		},
	}
	cmd.Flags().StringArrayVar(&arches, "arch", []string{"amd64"}, "architecture of the hosts: amd64 or arm64")
	cmd.Flags().StringArrayVar(&systems, "os", []string{"debian-12"}, "operating system of the hosts: debian-12, debian-13, ubuntu-22.04, ubuntu-24.04")
	if use == "pull" {
		cmd.Flags().StringVar(&options.Bundle, "from", "", "take artifacts from this bundle `FOLDER` first")
		cmd.Flags().StringVar(&options.Mirror, "mirror", "", "take artifacts from this `URL` next")
		cmd.Flags().BoolVar(&options.NoUpstream, "no-upstream", false, "do not ask the publishers")
		cmd.Flags().BoolVar(&options.NoBuild, "no-build", false, "do not build from source")
	}
	return cmd
}

// needed are the artifacts of an inventory whose hosts were not asked yet:
// every component says what it needs for each system and architecture.
func needed(inv *inventory.Inventory, arches, systems []string) ([]bundle.Ref, error) {
	var refs []bundle.Ref
	for _, name := range systems {
		id, release, _ := strings.Cut(name, "-")
		known, ok := osfacts.Lookup(facts.OS{ID: id, Version: release})
		if !ok {
			return nil, fmt.Errorf("cannot obtain packages for %q: use one of debian-12, debian-13, ubuntu-22.04, ubuntu-24.04", name)
		}
		for _, arch := range arches {
			c := &component.Cluster{Inventory: inv, Facts: map[string]facts.Host{}}
			for _, h := range inv.Hosts {
				c.Facts[h.Name] = facts.Host{Arch: arch, OS: facts.OS{ID: known.ID, Version: known.Version, Codename: known.Codename}}
			}
			for _, comp := range components.All() {
				refs = append(refs, comp.Artifacts(c)...)
			}
			releases, problems := addons.Wanted(addonlist.All(), c)
			if problems.HasErrors() {
				return nil, problems
			}
			for _, r := range releases {
				refs = append(refs, r.Images...)
			}
		}
	}
	slices.SortFunc(refs, func(a, b bundle.Ref) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(refs), nil
}

type obtainer func(context.Context, *store.Store, []bundle.Ref, pull.Options, func(pull.Event)) error

func (g *global) obtain(ctx context.Context, opened *store.Store, refs []bundle.Ref, options pull.Options, obtain obtainer) error {
	view := &pullView{g: g}
	err := obtain(ctx, opened, refs, options, view.event)
	view.end()
	if err != nil {
		return err
	}
	if !g.json {
		fmt.Fprintf(g.out, "%d artifacts are in %s: %d were there, %d obtained now.\n", len(refs), opened.Dir(), view.reused, view.stored)
	}
	return nil
}

// pullView shows a pull: one line that moves on a terminal, a line an artifact
// elsewhere.
type pullView struct {
	g              *global
	reused, stored int
	moving         bool
}

func (v *pullView) event(e pull.Event) {
	if v.g.json {
		_ = report.JSON(v.g.out, e) // a closed output must not stop the pull
		return
	}
	switch e.Stage {
	case pull.Reused:
		v.reused++
	case pull.Stored:
		v.stored++
		v.end()
		fmt.Fprintf(v.g.out, "[%d/%d] %s %s (%.0fs)\n", e.Index, e.Count, e.Ref, e.Source, e.Elapsed.Seconds())
	case pull.Failed:
		v.end()
		fmt.Fprintf(v.g.out, "[%d/%d] %s failed: %v\n", e.Index, e.Count, e.Ref, e.Err)
	case pull.Waiting, pull.Trying, pull.Passed:
	case pull.Downloading, pull.Building:
		if v.g.terminal {
			text := fmt.Sprintf("[%d/%d] %s %s %d", e.Index, e.Count, e.Ref, e.Stage, e.Done)
			if e.Total > 0 {
				text += fmt.Sprintf(" of %d", e.Total)
			}
			fmt.Fprintf(v.g.out, "\r\x1b[K%s", text)
			v.moving = true
		} else if e.Done == 0 {
			fmt.Fprintf(v.g.out, "[%d/%d] %s %s\n", e.Index, e.Count, e.Ref, e.Stage)
		}
	}
}

func (v *pullView) end() {
	if v.moving {
		fmt.Fprint(v.g.out, "\r\x1b[K")
		v.moving = false
	}
}

func verifyVerb(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "Hash every artifact of the store again", Args: cobra.NoArgs,
		RunE: func(_ *cobra.Command, _ []string) error {
			opened, err := store.Open(store.Options{})
			if err != nil {
				return err
			}
			count := 0
			problems, err := opened.Verify(func(store.Record) { count++ })
			if err != nil {
				return err
			}
			if g.json {
				err = report.JSON(g.out, struct {
					Checked  int             `json:"checked"`
					Problems []store.Problem `json:"problems"`
				}{count, problems})
			} else {
				for _, p := range problems {
					fmt.Fprintf(g.out, "%s\n", p)
				}
				fmt.Fprintf(g.out, "%d artifacts checked, %d problems.\n", count, len(problems))
			}
			if err == nil && len(problems) > 0 {
				return exit(exitError)
			}
			return err
		},
	}
}

func bundleListVerb(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the artifacts of the store and where they came from", Args: cobra.NoArgs,
		RunE: func(_ *cobra.Command, _ []string) error {
			opened, err := store.Open(store.Options{})
			if err != nil {
				return err
			}
			records, err := opened.List()
			if err != nil {
				return err
			}
			if g.json {
				return report.JSON(g.out, records)
			}
			w := tabwriter.NewWriter(g.out, 2, 8, 2, ' ', 0)
			fmt.Fprintln(w, "ARTIFACT\tFILES\tMB\tFROM")
			for _, r := range records {
				fmt.Fprintf(w, "%s\t%d\t%.1f\t%s\n", r.Ref, len(r.Artifacts), float64(r.Size())/1e6, r.Provenance.Source)
			}
			return w.Flush()
		},
	}
}
