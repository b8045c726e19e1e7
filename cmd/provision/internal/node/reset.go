package node

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/provision/report"
)

// resetting is what one reset was asked to do.
type resetting struct {
	cli.Application
	hosts []string // none: the whole cluster
	alone bool     // the cluster is not asked
	again bool     // the host is set up anew afterwards
}

func ResetVerb(g *cli.Global) *cobra.Command {
	r := resetting{Application: cli.Application{Global: g}}
	cmd := &cobra.Command{
		Use:   "reset [HOST…]",
		Short: "Undo everything that provision did on some hosts, or on the whole cluster",
		Long: `Puts hosts back as their ledgers recorded them before the first apply: units,
files, mounts, network interfaces, packet filter rules, packages. It lists what
will be lost, and asks. It touches only what provision made. A host without a
ledger, or of another cluster, is refused.

With HOSTs: drains each, removes its etcd member and its Node, and undoes the
host. Losing etcd's quorum or the last master is refused. The hosts stay in the
inventory: the next apply adds them again.

Without HOSTs: the whole cluster, with hosts that left the inventory and were not
removed yet. Nothing is drained. You type the cluster's name; a script passes
--yes=NAME. Objects, certificate authorities and keys are lost for good. Hosts
that do not answer are listed at the end: run it again.

--force with HOSTs is for a dead cluster: it asks the cluster nothing, drains
nothing, and removes no etcd member and no Node.

You can interrupt it at any moment and run it again. -v lists every step.

Exit codes: 0 the hosts are reset, or there was nothing to undo; 1 not all are.`,
		Example: `  provision reset node-07
  provision reset --yes=dc1 -i inventories/dc1.hcl
  provision --lab reset -i inventories/lab.hcl n2 --yes`,
		ValidArgsFunction: g.CompleteHosts,
		RunE: func(cmd *cobra.Command, args []string) error {
			r.hosts = args
			return r.Told(r.run(cmd.Context()))
		},
	}
	r.Yes.Flag(cmd)
	cmd.Flags().BoolVar(&r.alone, "force", false, "the cluster is dead: do not ask it, only undo the hosts")
	r.MinorityFlag(cmd)
	return cmd
}

func (r *resetting) run(ctx context.Context) (err error) {
	if err := cli.NoInventories(r.hosts); err != nil {
		return err
	}
	if r.JSON && !r.Yes.Given() {
		return errors.New("cannot ask for consent with --json: add --yes=CLUSTER")
	}
	if r.Inv, err = r.Load(ctx, nil); err != nil {
		return err
	}
	if err := cli.KnownHosts(r.Inv, r.hosts); err != nil {
		return err
	}
	if everyHost(r.Inv, r.hosts) {
		r.hosts = nil
	}
	if err := r.Yes.Fits(r.Inv.Cluster); err != nil {
		return err
	}
	if r.whole() && r.Yes == cli.AnyCluster {
		return fmt.Errorf("cannot reset the whole cluster with a bare --yes: use --yes=%s, or name hosts. Nothing was changed", r.Inv.Cluster.Name)
	}
	if r.whole() && r.alone {
		return errors.New("cannot use --force without HOSTs: a reset of the whole cluster asks it nothing anyway")
	}
	return r.reset(ctx)
}

func (r *resetting) whole() bool { return len(r.hosts) == 0 }

func everyHost(inv *inventory.Inventory, named []string) bool {
	return !slices.ContainsFunc(inv.Hosts, func(h inventory.Host) bool { return !slices.Contains(named, h.Name) })
}

func (r *resetting) reset(ctx context.Context) error {
	r.Progress = r.Global.Progress(r.Out)
	defer r.Progress.Close()
	o, err := r.Operate(r.Inv, r.Progress.Event, func(o *provision.Options) {
		o.Task, o.AllowMinority = &provision.Reset{Hosts: r.hosts}, r.Minority
	})
	if err != nil {
		return err
	}
	defer o.Close()
	do := o.Apply
	if r.whole() || r.alone {
		do = o.ResetAlone
	}
	outcome, err := do(ctx, r.approve)
	r.Progress.Close()
	if r.again && errors.Is(err, provision.ErrNothingToReset) {
		return nil
	}
	if errors.Is(err, provision.ErrNothingToReset) {
		return r.nothing()
	}
	if outcome != nil {
		r.Conclude(outcome, err)
		r.Concluded = true
	}
	if err == nil && !r.whole() && !r.JSON && !r.again {
		fmt.Fprintln(r.Out, "They are still in the inventory: the next apply adds them again.")
	}
	return err
}

// nothing says that there is nothing to do.
func (r *resetting) nothing() error {
	r.Concluded = true
	if r.JSON {
		r.Line(cli.Ended{Type: "result", Empty: true})
		return nil
	}
	fmt.Fprintln(r.Out, "Nothing to reset: "+provision.ErrNothingToReset.Error()+".")
	return nil
}

// approve names what will be lost, and asks.
func (r *resetting) approve(p *plan.Plan) (bool, error) {
	if live, ok := r.Progress.(interface{ Pause() }); ok {
		live.Pause()
	}
	switch {
	case r.JSON:
		r.Line(struct {
			Type string `json:"type"`
			Plan any    `json:"plan"`
		}{"plan", cli.Document(p)})
	case r.Verbose:
		if err := r.ShowPlan(p); err != nil {
			return false, err
		}
	default:
		r.show(p)
	}
	if r.Yes.Given() {
		return true, nil
	}
	if !r.whole() {
		return r.Consent(r.Inv.Cluster, p.Target, r.question())
	}
	if !r.Ask {
		return false, fmt.Errorf("cannot ask for consent: standard input is not a terminal; use --yes=%s", r.Inv.Cluster.Name)
	}
	line, err := r.Answer(fmt.Sprintf("Destroy cluster %q on %s? Type the cluster's name: ", r.Inv.Cluster.Name, p.Target))
	return line == r.Inv.Cluster.Name, err
}

func (r *resetting) question() string {
	if r.again {
		return "Undo this, and set the host up again,"
	}
	return "Undo this"
}

func (r *resetting) show(p *plan.Plan) {
	fmt.Fprintln(r.Out, report.Header(p))
	if r.whole() {
		fmt.Fprintln(r.Out, "The cluster ends: its objects, certificate authorities, keys and history are lost for good.")
	}
	for _, text := range p.Warnings {
		fmt.Fprintln(r.Out, "  "+report.Line(text))
	}
	for _, h := range p.Hosts {
		if h.Error != "" && p.Concerns(h.Name) {
			fmt.Fprintf(r.Out, "  %s is skipped: %s\n", report.Line(h.Name), report.Line(h.Error))
		}
	}
	fmt.Fprintln(r.Out, report.Summary(p)+" (-v lists all)")
}
