package certs

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision"
	"provision/provision/report"
)

func Verb(g *cli.Global) *cobra.Command {
	return cli.Group("certs", "Show, renew and rotate certificates and keys", certsStatusVerb(g), certsRenewVerb(g), certsRotateCAVerb(g), certsRotateKeyVerb(g))
}

func certsStatusVerb(g *cli.Global) *cobra.Command {
	return &cobra.Command{
		Use:   "status [HOST…]",
		Short: "Show all certificates and authorities, soonest to expire first",
		Long: `Asks the named hosts, or all, for their certificates and authorities. It works
while the API, etcd or other hosts are down. It changes nothing.

RENEWS says what renews each: the timer on the host, kubelet, or nothing
automatic ("apply", "certs renew").

Rotations in progress are listed with the command that continues them.

Exit codes: 0 all is well, or renews in time by itself; 1 a certificate has
expired, is missing or overdue, or a host could not be asked.`,
		Example: "  provision certs status\n  provision certs status node-07 --json\n  provision --lab certs status -i inventories/lab.hcl",
		Args:    cobra.ArbitraryArgs, ValidArgsFunction: g.CompleteHosts,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := g.LookAt(cmd.Context(), args)
			if err != nil {
				return err
			}
			defer o.Close()
			found, err := o.Certificates(cmd.Context(), args...)
			if err != nil {
				return err
			}
			if g.JSON {
				err = report.JSON(g.Out, found)
			} else {
				err = showCertificates(g, found)
			}
			if err == nil && !found.Sound() {
				return cli.Exit(cli.ExitError)
			}
			return err
		},
	}
}

func showCertificates(g *cli.Global, c *provision.Certificates) error {
	fmt.Fprintf(g.Out, "Cluster %q on %s\n\n", c.Cluster, c.Target)
	w := tabwriter.NewWriter(g.Out, 2, 8, 2, ' ', 0)
	fmt.Fprintln(w, "HOST\tCERTIFICATE\tSUBJECT\tISSUER\tNOT AFTER\tDAYS\tSTATE\tRENEWS")
	for _, one := range c.Certificates {
		what, end, days := one.Path, "-", "-"
		if one.Authority != "" {
			what = "authority " + one.Authority
		}
		if one.Error == "" {
			end, days = one.NotAfter.UTC().Format(time.DateTime), strconv.Itoa(one.DaysLeft)
		}
		state := one.State
		if one.Error != "" {
			state += ": " + one.Error
		}
		fmt.Fprintln(w, strings.Join([]string{report.Line(one.Host), report.Line(what), report.Line(one.Subject), report.Line(one.Issuer),
			end, days, report.Line(state), one.Renews}, "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, r := range c.Rotations {
		fmt.Fprintf(g.Out, "\nRotation of %s since %s: %s.\n  To continue: %s", r.Name, r.Since.UTC().Format(time.DateTime), report.Line(r.Means), r.Command)
		if !r.Until.IsZero() {
			fmt.Fprintf(g.Out, " (after %s)", r.Until.UTC().Format(time.DateTime))
		}
		fmt.Fprintln(g.Out)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Silent)) {
		fmt.Fprintf(g.Out, "\n%s could not be asked: %s\n", report.Line(name), report.Clean(c.Silent[name]))
	}
	return nil
}
