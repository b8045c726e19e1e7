package node

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision"
	"provision/provision/report"
)

func nodeRebuildVerb(g *cli.Global) *cobra.Command {
	n := nodeCare{Application: cli.Application{Global: g}}
	cmd := &cobra.Command{
		Use:   "rebuild HOST",
		Short: "Reset a host and set it up again",
		Long: `Runs "provision reset HOST" and then apply, and asks once. You can interrupt it at
any moment; run the same command again to continue.

It is refused while changes wait on other hosts, because it would apply them too:
apply first. Losing etcd's quorum or the last master is refused.

Exit codes: 0 the host is set up again; 1 it is not: run it again.`,
		Example: `  provision node rebuild node-07
  provision node rebuild --yes=dc1 node-07 -i inventories/dc1.hcl`,
		Args: cli.Exactly(1), ValidArgsFunction: g.CompleteHosts,
		RunE: func(cmd *cobra.Command, args []string) error {
			return n.Told(n.rebuild(cmd.Context(), args))
		},
	}
	n.Yes.Flag(cmd)
	n.MinorityFlag(cmd)
	return cmd
}

func (n *nodeCare) rebuild(ctx context.Context, args []string) error {
	if err := n.beginOn(ctx, args); err != nil {
		return err
	}
	stands, err := n.stands(ctx, args[0])
	if err != nil {
		return err
	}
	if len(stands.Elsewhere) > 0 {
		return fmt.Errorf("cannot rebuild host %s: it would also apply changes that wait elsewhere: %s; apply first", args[0], strings.Join(firstOf(stands.Elsewhere), ", "))
	}
	if stands.Resume {
		if !n.JSON {
			fmt.Fprintf(n.Out, "Host %s is already reset; setting it up.\n", report.Line(args[0]))
		}
	} else if err := n.undo(ctx, args); err != nil {
		return err
	}
	n.Task = &provision.Rebuild{Hosts: args}
	if !stands.Resume {
		n.Agreed = true
	}
	return n.Apply(ctx)
}

// undo resets the host.
func (n *nodeCare) undo(ctx context.Context, args []string) error {
	r := resetting{Application: cli.Application{Global: n.Global, Inv: n.Inv, Yes: n.Yes, Minority: n.Minority}, hosts: args, again: true}
	err := r.reset(ctx)
	n.Concluded = r.Concluded && err != nil
	return err
}

// stands tells whether an earlier run has reset the host already.
func (n *nodeCare) stands(ctx context.Context, host string) (provision.Rebuilding, error) {
	o, err := n.Operate(n.Inv, n.Waits, func(o *provision.Options) {
		o.IgnorePreflight = []string{"all"} // on a host that is half undone they mean nothing
	})
	if err != nil {
		return provision.Rebuilding{}, err
	}
	defer o.Close()
	return o.Rebuilding(ctx, host)
}

// firstOf bounds how many names an error has.
func firstOf(list []string) []string {
	const few = 3
	if len(list) > few {
		return append(list[:few:few], fmt.Sprintf("%d more", len(list)-few))
	}
	return list
}
