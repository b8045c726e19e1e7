package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"provision/provision/inventory"
)

// consent is what --yes gave: nothing, a bare yes, or the cluster's name.
type consent string

// anyCluster is the value of --yes without a name.
const anyCluster = "@any"

func (c *consent) flag(cmd *cobra.Command) {
	cmd.Flags().StringVarP((*string)(c), "yes", "y", "", "do not ask; --yes=`CLUSTER` approves for that cluster only, and production requires it")
	cmd.Flags().Lookup("yes").NoOptDefVal = anyCluster
	_ = cmd.RegisterFlagCompletionFunc("yes", cobra.NoFileCompletions)
}

// given reports whether nobody is to be asked.
func (c *consent) given() bool { return *c != "" }

// fits refuses a name that is another cluster's, and for production a yes
// without a name: it would be said to whatever the inventory names.
func (c *consent) fits(cluster inventory.Cluster) error {
	switch {
	case !c.given() || string(*c) == cluster.Name:
		return nil
	case *c != anyCluster:
		return fmt.Errorf("cannot continue: --yes=%s names another cluster; the inventory describes %q. Nothing was changed", *c, cluster.Name)
	case cluster.Production():
		return fmt.Errorf("cannot continue: cluster %q is production (environment %q), and a bare --yes does not name it; use --yes=%s. Nothing was changed",
			cluster.Name, cluster.Environment, cluster.Name)
	}
	return nil
}

// askable refuses to begin what could ask nobody.
func (a *application) askable() error {
	if a.json && !a.yes.given() {
		return errors.New("cannot ask for consent with --json: add --yes")
	}
	return nil
}

// begin loads the inventory of what will ask for consent, or has it.
func (a *application) begin(ctx context.Context) (err error) {
	if err := a.askable(); err != nil {
		return err
	}
	if a.inv, err = a.load(ctx, nil); err != nil {
		return err
	}
	return a.yes.fits(a.inv.Cluster)
}

// consent asks whether to do something to a cluster; for production the
// cluster's name must be typed.
func (g *global) consent(cluster inventory.Cluster, target, what string) (bool, error) {
	expect := "yes"
	question := fmt.Sprintf("%s to cluster %q on %s? Type yes: ", what, cluster.Name, target)
	if cluster.Production() {
		expect = cluster.Name
		question = fmt.Sprintf("%s to cluster %q, environment %q, on %s? Type the cluster's name: ", what, cluster.Name, cluster.Environment, target)
	}
	if !g.ask && cluster.Production() {
		return false, fmt.Errorf("cannot ask for consent: standard input is not a terminal; use --yes=%s", cluster.Name)
	}
	line, err := g.answer(question)
	return line == expect, err
}
