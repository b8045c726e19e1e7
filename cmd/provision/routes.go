package main

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/network/routes"
	"provision/provision/inventory"
	"provision/provision/report"
)

func routesVerb(g *cli.Global) *cobra.Command {
	return cli.Group("routes", "Show routes to pods for routers and hosts outside", routesShowVerb(g))
}

func routesShowVerb(g *cli.Global) *cobra.Command {
	var format, via string
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Print the routes to pods as a router's configuration",
		Long: `Prints a route to each Node's pods, for routers that provision cannot log in to.
Masters and etcd hosts tell which range each Node has; a range never moves, so
routes change only when Nodes come and go. Hosts of the inventory with the role
outside need none of this: a program holds their routes.

Exit codes: 0 success; 1 no master or etcd host answered.`,
		Example: `  provision routes show --format frr
  provision routes show --format ip --via 10.0.0.1 -i inventories/dc1.hcl
  provision --lab routes show -i inventories/lab.hcl --json`,
		Args: cli.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error { return showRoutes(cmd.Context(), g, format, via) },
	}
	cmd.Flags().StringVar(&format, "format", "ip", "write for `ROUTER`: ip, frr, cisco or junos")
	cmd.Flags().StringVar(&via, "via", routes.ViaNodes, "go through the `HOP` nodes, gateways, or an address")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(routes.Formats(), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("via", cobra.FixedCompletions([]string{routes.ViaNodes, routes.ViaGateways}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func showRoutes(ctx context.Context, g *cli.Global, format, via string) error {
	if _, err := routes.Render(format, nil, nil); err != nil {
		return fmt.Errorf("cannot write routes: %w", err)
	}
	if _, err := netip.ParseAddr(via); err != nil && via != routes.ViaNodes && via != routes.ViaGateways {
		return fmt.Errorf("cannot work out routes: --via is %q; give %s, %s or an address", via, routes.ViaNodes, routes.ViaGateways)
	}
	inv, err := g.Load(ctx, nil)
	if err != nil {
		return err
	}
	o, err := g.Operate(inv, g.Waits)
	if err != nil {
		return err
	}
	defer o.Close()
	nodes, err := o.PodNodes(ctx)
	if err != nil {
		return err
	}
	config := routes.Config{Pods: inv.Network.Pods, Via: via}
	for _, h := range inv.With(inventory.RoleGateway) {
		config.Gateways = append(config.Gateways, h.Name)
	}
	list, problems := routes.Wanted(config, nodes, nil)
	for _, p := range problems {
		fmt.Fprintln(g.Err, report.Line(p))
	}
	if g.JSON {
		return report.JSON(g.Out, list)
	}
	text, err := routes.Render(format, list, nodes)
	fmt.Fprint(g.Out, text)
	return err
}
