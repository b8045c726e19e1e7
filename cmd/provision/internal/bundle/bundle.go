package bundle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"provision/addons"
	addonlist "provision/addons/catalogue"
	"provision/cmd/provision/internal/cli"
	"provision/provision"
	"provision/provision/bundle"
	"provision/provision/bundle/catalogue"
	"provision/provision/bundle/pull"
	"provision/provision/bundle/store"
	"provision/provision/component"
	"provision/provision/component/components"
	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/provision/osfacts"
	"provision/provision/ownimages"
	"provision/provision/report"
)

func Verb(g *cli.Global) *cobra.Command {
	return cli.Group("bundle", "Get, check and list the artifacts that hosts need",
		pullVerb(g, "pull", "Get what the inventory needs and the store lacks",
			`Gets every artifact that the inventory's hosts need: from a bundle folder or a
mirror if you name one, from the publishers' releases over HTTPS, or by building
from source through the Go module proxy. OS packages come through apt from this
machine's mirrors. Every byte is checked before it is stored. Artifacts in the
store ($PROVISION_CACHE, else ~/.cache/provision) are reused.`),
		pullVerb(g, "build", "Like pull, but build from source only",
			"Builds every artifact from source through the Go module proxy, whose checksum\ndatabase vouches for it. The first build takes about half an hour on two cores."),
		verifyVerb(g), bundleListVerb(g), exportVerb(g), importVerb(g))
}

func pullVerb(g *cli.Global, use, short, long string) *cobra.Command {
	var options pull.Options
	var hosts kindOfHosts
	cmd := &cobra.Command{
		Use: use + " [INVENTORY]", Short: short, Long: long, Args: cli.InventoryArgs, ValidArgsFunction: cli.CompleteInventory,
		Example: "  provision bundle " + use + " inventories/lab.hcl\n  provision bundle " + use + " --os debian-13 --arch arm64 dc2.hcl",
		RunE: func(cmd *cobra.Command, args []string) error {
			inv, err := g.Load(cmd.Context(), args)
			if err != nil {
				return err
			}
			var refs []bundle.Ref
			for _, stop := range provision.Stops(inv) {
				some, err := needed(stop, hosts)
				if err != nil {
					return err
				}
				refs = append(refs, some...)
			}
			refs = distinct(refs)
			own, err := ownimages.Rows(inv)
			if err != nil {
				return err
			}
			options.Catalogue = append(catalogue.Default(), own...)
			opened, err := store.Open(store.Options{})
			if err != nil {
				return err
			}
			obtain := pull.Pull
			if use == "build" {
				obtain = pull.Build
			}
			return g.Obtain(opened, func(progress func(pull.Event)) error {
				return obtain(cmd.Context(), opened, refs, options, progress)
			})
		},
	}
	hosts.flags(cmd)
	cmd.Flags().StringToStringVar(&options.Repositories, "repository", nil, "use a mirror: `NAME=URL`; NAME is maven, a registry's host, or an extra apt repository")
	if use == "pull" {
		cmd.Flags().StringVar(&options.Bundle, "from", "", "look in this bundle `FOLDER` first")
		cmd.Flags().StringVar(&options.Mirror, "mirror", "", "then look at this `URL`")
		cmd.Flags().BoolVar(&options.NoUpstream, "no-upstream", false, "do not ask the publishers")
		cmd.Flags().BoolVar(&options.NoBuild, "no-build", false, "do not build from source")
	}
	return cmd
}

// kindOfHosts says for which hosts artifacts are, which nobody asked yet.
type kindOfHosts struct{ arches, systems []string }

func (k *kindOfHosts) flags(cmd *cobra.Command) {
	arches := []string{"amd64", "arm64"}
	systems := []string{"debian-12", "debian-13", "ubuntu-22.04", "ubuntu-24.04"}
	cmd.Flags().StringArrayVar(&k.arches, "arch", arches[:1], "architecture of the hosts: "+strings.Join(arches, " or "))
	cmd.Flags().StringArrayVar(&k.systems, "os", systems[:1], "operating system of the hosts: "+strings.Join(systems, ", "))
	_ = cmd.RegisterFlagCompletionFunc("arch", cobra.FixedCompletions(arches, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("os", cobra.FixedCompletions(systems, cobra.ShellCompDirectiveNoFileComp))
}

// needed are the artifacts of an inventory whose hosts were not asked yet:
// every component says what it needs for each system and architecture.
func needed(inv *inventory.Inventory, hosts kindOfHosts) ([]bundle.Ref, error) {
	var refs []bundle.Ref
	own, err := ownimages.Rows(inv)
	if err != nil {
		return nil, err
	}
	for _, name := range hosts.systems {
		id, release, _ := strings.Cut(name, "-")
		known, ok := osfacts.Lookup(facts.OS{ID: id, Version: release})
		if !ok {
			return nil, fmt.Errorf("cannot get packages for %q: use debian-12, debian-13, ubuntu-22.04 or ubuntu-24.04", name)
		}
		for _, arch := range hosts.arches {
			c := &component.Cluster{Inventory: inv, Components: components.All(), Facts: map[string]facts.Host{}}
			for _, h := range inv.Hosts {
				c.Facts[h.Name] = facts.Host{Arch: arch, OS: facts.OS{ID: known.ID, Version: known.Version, Codename: known.Codename}}
			}
			releases, problems := addons.Wanted(addonlist.All(), c)
			if problems.HasErrors() {
				return nil, problems
			}
			for _, r := range releases {
				c.Images = append(c.Images, r.Images...)
			}
			c.Images = append(c.Images, ownimages.Images(own)...)
			for _, comp := range components.All() {
				refs = append(refs, comp.Artifacts(c)...)
			}
		}
	}
	return distinct(refs), nil
}

func distinct(refs []bundle.Ref) []bundle.Ref {
	slices.SortFunc(refs, func(a, b bundle.Ref) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(refs)
}

func verifyVerb(g *cli.Global) *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "Hash every artifact in the store again", Args: cobra.NoArgs,
		Example: "  provision bundle verify",
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
			if g.JSON {
				err = report.JSON(g.Out, struct {
					Checked  int             `json:"checked"`
					Problems []store.Problem `json:"problems"`
				}{count, problems})
			} else {
				for _, p := range problems {
					fmt.Fprintln(g.Out, report.Clean(fmt.Sprint(p)))
				}
				fmt.Fprintf(g.Out, "%d artifacts checked, %d problems.\n", count, len(problems))
			}
			if err == nil && len(problems) > 0 {
				return cli.Exit(cli.ExitError)
			}
			return err
		},
	}
}

// listed is a record of the store with the place of its bytes.
type listed struct {
	store.Record
	Path string `json:"path,omitempty"`
}

// pathOf is the file of an artifact that is one file, "" for others and for one
// that is damaged: verify tells of it.
func pathOf(opened *store.Store, r store.Record) string {
	if len(r.Artifacts) != 1 {
		return ""
	}
	path, err := opened.Path(r.Artifacts[0].SHA256)
	if err != nil {
		return ""
	}
	return path
}

func bundleListVerb(g *cli.Global) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the artifacts in the store and where they came from", Args: cobra.NoArgs,
		Example: "  provision bundle list\n  provision bundle list --json",
		RunE: func(_ *cobra.Command, _ []string) error {
			opened, err := store.Open(store.Options{})
			if err != nil {
				return err
			}
			records, err := opened.List()
			if err != nil {
				return err
			}
			list := make([]listed, 0, len(records))
			for _, r := range records {
				list = append(list, listed{r, pathOf(opened, r)})
			}
			if g.JSON {
				return report.JSON(g.Out, list)
			}
			w := tabwriter.NewWriter(g.Out, 2, 8, 2, ' ', 0)
			fmt.Fprintln(w, "ARTIFACT\tFILES\tMB\tFROM\tPATH")
			for _, r := range list {
				fmt.Fprintf(w, "%s\t%d\t%.1f\t%s\t%s\n", r.Ref, len(r.Artifacts), float64(r.Size())/1e6, r.Provenance.Source, cmp.Or(r.Path, "-"))
			}
			return w.Flush()
		},
	}
}
