package certs

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision"
	"provision/provision/plan"
)

func certsRotateCAVerb(g *cli.Global) *cobra.Command {
	return rotateVerb(g, "rotate-ca {cluster|etcd|front-proxy}", "Replace a certificate authority", []string{"cluster", "etcd", "front-proxy"},
		`Creates a new authority, makes everything trust both, issues all certificates
again, and drops the old authority. From then on its certificates are refused.
The API answers all the time.

For the cluster's authority it stops twice for ten minutes and says when to run
the same command again: first until pods and other clients trust the new
authority, then until they use their new certificates. During the first stop,
restart programs in pods that read their CA only at start, and hand out new
kubeconfigs. --now skips the waits.`,
		`  provision certs rotate-ca etcd
  provision certs rotate-ca cluster
  provision certs rotate-ca cluster --now
  provision --lab certs rotate-ca front-proxy --yes -i inventories/lab.hcl`)
}

func certsRotateKeyVerb(g *cli.Global) *cobra.Command {
	return rotateVerb(g, "rotate-key {service-account|encryption}", "Replace the key of service account tokens, or of Secrets in etcd", []string{"service-account", "encryption"},
		`service-account: a new key signs tokens. It stops for 75 minutes, until pods have
renewed theirs, and says when to run the same command again. Until then tokens of
the old key are accepted; --now skips the wait and refuses them at once. The old
key stays while Secrets hold tokens of it, because nothing renews those.

encryption: all Secrets are encrypted with a new key, existing ones too, and the
old key is dropped. Older backups of etcd need the old key: keep it as long as
you keep them (/etc/kubernetes/encryption.yaml of a master).`,
		`  provision certs rotate-key encryption
  provision certs rotate-key service-account
  provision --lab certs rotate-key encryption --yes -i inventories/lab.hcl`)
}

func rotateVerb(g *cli.Global, use, short string, names []string, long, example string) *cobra.Command {
	a := cli.Application{Global: g}
	rotation := provision.Rotation{}
	cmd := &cobra.Command{
		Use: use, Short: short, Example: example,
		Long: long + `

It goes in phases. All hosts record each phase, then it is applied, one host at a
time where it matters. All hosts must answer and match the inventory. After an
interrupt or a kill, run the same command again; an apply meanwhile keeps the
phase. You approve each phase; --yes approves all.

Exit codes: 0 done, or waiting until the time shown; 1 not done.`,
		Args: cobra.MatchAll(cli.Exactly(1), cobra.OnlyValidArgs), ValidArgs: names,
		RunE: func(cmd *cobra.Command, args []string) error {
			rotation.Name = args[0]
			return a.Told(rotate(cmd.Context(), &a, rotation))
		},
	}
	a.Yes.Flag(cmd)
	cmd.Flags().BoolVar(&rotation.Hurry, "now", false, "do not wait for clients to catch up")
	return cmd
}

func rotate(ctx context.Context, a *cli.Application, rotation provision.Rotation) (err error) {
	if err := a.Begin(ctx); err != nil {
		return err
	}
	a.Progress = a.Global.Progress(a.Out)
	defer a.Progress.Close()
	o, err := a.Operate(a.Inv, a.Progress.Event, func(o *provision.Options) {
		o.Operation.Verb = "certs rotate " + rotation.Name
	})
	if err != nil {
		return err
	}
	defer o.Close()
	agreed := a.Yes.Given()
	if !agreed {
		if agreed, err = a.Consent(a.Inv.Cluster, o.Target(), "Rotate "+rotation.Name); err != nil {
			return err
		}
	}
	if !agreed {
		return provision.ErrDeclined
	}
	rotated, err := o.Rotate(ctx, rotation, func(p *plan.Plan) (bool, error) { return a.Approve(p) })
	a.Progress.Close()
	if err != nil && rotated != nil && rotated.Phase != "" {
		return fmt.Errorf("%w\nTo continue the rotation of %s, run the same command again", err, rotation.Name)
	}
	if err != nil {
		return err
	}
	return tellRotated(a, rotated)
}

func tellRotated(a *cli.Application, r *provision.Rotated) error {
	if a.JSON {
		a.Line(struct {
			Type string `json:"type"`
			*provision.Rotated
		}{"result", r})
		a.Concluded = true
		return nil
	}
	if r.Done {
		fmt.Fprintf(a.Out, "\nRotated: %s. Nothing trusts or uses the old one now.\n", r.Name)
		return nil
	}
	fmt.Fprintf(a.Out, "\nThe rotation of %s waits in phase %s for clients to catch up. Run the same command again after %s, or with --now.\n",
		r.Name, r.Phase, r.Until.Local().Format(time.DateTime))
	return nil
}
