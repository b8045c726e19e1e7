package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision"
	"provision/provision/doctor"
	"provision/provision/report"
)

// nodeCare is what drain, cordon, uncordon, isolate and recover were asked to do.
type nodeCare struct {
	cli.Application
	hosts   []string
	force   bool
	timeout time.Duration
}

func (n *nodeCare) drainFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&n.force, "force", false, "also evict pods without a controller: nothing recreates them")
	cmd.Flags().DurationVar(&n.timeout, "timeout", 0, "how long a drain may take (default 5m0s)")
}

// named loads the inventory and checks the names of hosts.
func (n *nodeCare) named(ctx context.Context, args []string) (err error) {
	n.hosts = args
	if err := cli.NoInventories(args); err != nil {
		return err
	}
	if n.timeout < 0 {
		return errors.New("--timeout cannot be negative")
	}
	if n.Inv, err = n.Load(ctx, nil); err != nil {
		return err
	}
	return cli.KnownHosts(n.Inv, args)
}

// beginOn is begin for what is done to hosts that are named.
func (n *nodeCare) beginOn(ctx context.Context, hosts []string) error {
	if err := n.Askable(); err != nil {
		return err
	}
	if err := n.named(ctx, hosts); err != nil {
		return err
	}
	return n.Yes.Fits(n.Inv.Cluster)
}

// careTexts are the words of a verb that changes Nodes at once.
type careTexts struct{ act, short, long, example string }

func careVerbs() []careTexts {
	return []careTexts{
		{provision.NodeDrain, "Keep new pods off hosts and evict running ones", `Cordons the Nodes and evicts their pods, one Node after the other. Evictions respect
PodDisruptionBudgets; pods of DaemonSets stay. A Node that cannot be drained in
time stays cordoned, and the run ends there.

The Nodes stay drained, through any apply, until: provision node uncordon HOST.

Exit codes: 0 all are drained; 1 not all.`, "  provision node drain node-07\n  provision node drain node-07 --timeout 10m --force"},
		{provision.NodeCordon, "Keep new pods off hosts", `Cordons the Nodes; running pods stay. The Nodes stay cordoned, through any apply,
until: provision node uncordon HOST.

Exit codes: 0 all are cordoned; 1 not all.`, "  provision node cordon node-07 node-08"},
		{provision.NodeUncordon, "Let hosts take pods again", `Uncordons the Nodes, no matter who cordoned them. An isolated host is refused: use
provision node recover.

Exit codes: 0 all take pods; 1 not all.`, "  provision node uncordon node-07"},
	}
}

func nodeCareVerb(g *cli.Global, texts careTexts) *cobra.Command {
	n := nodeCare{Application: cli.Application{Global: g}}
	cmd := &cobra.Command{
		Use: texts.act + " HOST…", Short: texts.short, Long: texts.long, Example: texts.example,
		Args: cli.AtLeast(1), ValidArgsFunction: g.CompleteHosts,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := n.named(cmd.Context(), args); err != nil {
				return err
			}
			return n.care(cmd.Context(), texts.act)
		},
	}
	if texts.act == provision.NodeDrain {
		n.drainFlags(cmd)
	}
	n.MinorityFlag(cmd)
	return cmd
}

func (n *nodeCare) care(ctx context.Context, act string) error {
	o, err := n.Operate(n.Inv, cli.Notes(&n.Application), func(o *provision.Options) { o.AllowMinority = n.Minority })
	if err != nil {
		return err
	}
	defer o.Close()
	list, err := o.ActOnNodes(ctx, provision.NodeAction{Act: act, Hosts: n.hosts, Unmanaged: n.force, Timeout: n.timeout})
	if n.JSON && list != nil {
		return errors.Join(report.JSON(n.Out, struct {
			Act   string                  `json:"act"`
			Hosts []provision.NodeOutcome `json:"hosts"`
		}{act, list}), err)
	}
	return err
}

func nodeIsolateVerb(g *cli.Global) *cobra.Command {
	n := nodeCare{Application: cli.Application{Global: g}}
	cmd := &cobra.Command{
		Use:   "isolate HOST…",
		Short: "Take hosts out of service and keep them for diagnosis",
		Long: `Taints the Nodes provision/isolated:NoSchedule, cordons and drains them, and takes
masters out of all balancers. Kubelet, etcd and API server keep running.

apply keeps the hosts isolated and still configures them; status shows them. The
last master that serves is refused. A host that does not answer, or whose Node is
not Ready, is tainted and cordoned only: its pods cannot be ended.

To put them back into service: provision node recover HOST.

Exit codes: 0 the hosts are isolated; 1 not, or not all: run it again.`,
		Example: `  provision node isolate node-07
  provision node isolate --yes node-07 --timeout 10m`,
		Args: cli.AtLeast(1), ValidArgsFunction: g.CompleteHosts,
		RunE: func(cmd *cobra.Command, args []string) error {
			return n.Told(n.isolate(cmd.Context(), args, false))
		},
	}
	n.Yes.Flag(cmd)
	n.drainFlags(cmd)
	n.MinorityFlag(cmd)
	return cmd
}

func nodeRecoverVerb(g *cli.Global) *cobra.Command {
	n := nodeCare{Application: cli.Application{Global: g}}
	cmd := &cobra.Command{
		Use:   "recover HOST…",
		Short: "Put isolated hosts back into service once they are healthy",
		Long: `Runs doctor on the hosts. While it finds a problem, or their Nodes are not Ready,
they stay isolated. Otherwise the taint and the cordon are removed, and balancers
use masters among them again.

Exit codes: 0 the hosts are back in service; 1 not, or not all: run it again.`,
		Example: "  provision node recover node-07",
		Args:    cli.AtLeast(1), ValidArgsFunction: g.CompleteHosts,
		RunE: func(cmd *cobra.Command, args []string) error {
			return n.Told(n.isolate(cmd.Context(), args, true))
		},
	}
	n.Yes.Flag(cmd)
	n.MinorityFlag(cmd)
	return cmd
}

// isolate is an apply that is limited to what takes hosts out of service, or
// puts them back.
func (n *nodeCare) isolate(ctx context.Context, args []string, back bool) error {
	if err := n.beginOn(ctx, args); err != nil {
		return err
	}
	if back {
		if err := n.well(ctx); err != nil {
			return err
		}
	}
	n.Task = &provision.Isolation{Hosts: args, Recover: back, Unmanaged: n.force, Timeout: n.timeout}
	return n.Apply(ctx)
}

// well refuses hosts about which the doctor finds anything.
func (n *nodeCare) well(ctx context.Context) error {
	o, err := n.Operate(n.Inv, n.Waits)
	if err != nil {
		return err
	}
	defer o.Close()
	d, err := o.Doctor(ctx, n.hosts...)
	if err != nil {
		return err
	}
	var lines []string
	for _, f := range d.Findings {
		if f.Level == doctor.Problem && f.Host != doctor.ClusterHost {
			lines = append(lines, fmt.Sprintf("  %s %s: %s", f.Host, f.Unit, f.Summary))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return fmt.Errorf("cannot recover %s; still isolated. doctor finds:\n%s\nMore: %s", strings.Join(n.hosts, ", "), strings.Join(lines, "\n"), cli.Again(n.Application.Global, append([]string{"doctor"}, n.hosts...)...))
}
