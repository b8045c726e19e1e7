package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"provision/provision/inventory"
)

// Consent is what --yes gave: nothing, a bare yes, or the cluster's name.
type consent string

// AnyCluster is the value of --yes without a name.
const AnyCluster = "@any"

func (c *consent) Flag(cmd *cobra.Command) {
	cmd.Flags().StringVarP((*string)(c), "yes", "y", "", "do not ask; --yes=`CLUSTER` approves for that cluster only, and production requires it")
	cmd.Flags().Lookup("yes").NoOptDefVal = AnyCluster
	_ = cmd.RegisterFlagCompletionFunc("yes", cobra.NoFileCompletions)
}

// Given reports whether nobody is to be asked.
func (c *consent) Given() bool { return *c != "" }

// Fits refuses a name that is another cluster's, and for production a yes
// without a name: it would be said to whatever the inventory names.
func (c *consent) Fits(cluster inventory.Cluster) error {
	switch {
	case !c.Given() || string(*c) == cluster.Name:
		return nil
	case *c != AnyCluster:
		return fmt.Errorf("cannot continue: --yes=%s names another cluster; the inventory describes %q. Nothing was changed", *c, cluster.Name)
	case cluster.Production():
		return fmt.Errorf("cannot continue: cluster %q is production (environment %q), and a bare --yes does not name it; use --yes=%s. Nothing was changed",
			cluster.Name, cluster.Environment, cluster.Name)
	}
	return nil
}

// Askable refuses to begin what could ask nobody.
func (a *Application) Askable() error {
	if a.JSON && !a.Yes.Given() {
		return errors.New("cannot ask for consent with --json: add --yes")
	}
	return nil
}

// Begin loads the inventory of what will ask for consent, or has it.
func (a *Application) Begin(ctx context.Context) (err error) {
	if err := a.Askable(); err != nil {
		return err
	}
	if a.Inv, err = a.Load(ctx, nil); err != nil {
		return err
	}
	return a.Yes.Fits(a.Inv.Cluster)
}

// Consent asks whether to do something to a cluster; for production the
// cluster's name must be typed.
func (g *Global) Consent(cluster inventory.Cluster, target, what string) (bool, error) {
	expect := "yes"
	question := fmt.Sprintf("%s to cluster %q on %s? Type yes: ", what, cluster.Name, target)
	if cluster.Production() {
		expect = cluster.Name
		question = fmt.Sprintf("%s to cluster %q, environment %q, on %s? Type the cluster's name: ", what, cluster.Name, cluster.Environment, target)
	}
	if !g.Ask && cluster.Production() {
		return false, fmt.Errorf("cannot ask for consent: standard input is not a terminal; use --yes=%s", cluster.Name)
	}
	line, err := g.Answer(question)
	return line == expect, err
}
