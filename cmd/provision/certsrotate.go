package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"provision/provision"
	"provision/provision/plan"
)

func certsRotateCAVerb(g *global) *cobra.Command {
	return rotateVerb(g, "rotate-ca {cluster|etcd|front-proxy}", "Replace a certificate authority by another one", []string{"cluster", "etcd", "front-proxy"},
		`Makes another certificate authority, has everything trust both, issues all
certificates anew, and then drops the old one, whose certificates are refused
from then on. The API answers all the time.

For the cluster's authority it stops twice for ten minutes and says when to run
the same command again: once until pods and other clients have read what they
trust, once until they use their new certificates. Programs in pods that read
their CA only when they start must be restarted in the first of them; kubeconfigs
outside the hosts must be handed out anew. --now goes on at once.`,
		`  provision certs rotate-ca etcd
  provision certs rotate-ca cluster
  provision certs rotate-ca cluster --now
  provision --lab certs rotate-ca front-proxy --yes -i inventories/lab.hcl`)
}

func certsRotateKeyVerb(g *global) *cobra.Command {
	return rotateVerb(g, "rotate-key {service-account|encryption}", "Replace the key of service account tokens, or that of Secrets in etcd", []string{"service-account", "encryption"},
		`service-account: tokens are signed with a new key, and those of the old one
accepted until all that pods have were renewed; it stops for 75 minutes, and says
when to run the same command again. --now goes on at once: tokens of the old key
are refused from then on. While Secrets hold tokens of the old key that nobody
renews, it is not dropped.

encryption: Secrets are encrypted with a new key, those that are there too, and
the old key is dropped. Backups of etcd from before need the old key: keep it for
as long as you keep them (/etc/kubernetes/encryption.yaml of a master).`,
		`  provision certs rotate-key encryption
  provision certs rotate-key service-account
  provision --lab certs rotate-key encryption --yes -i inventories/lab.hcl`)
}

func rotateVerb(g *global, use, short string, names []string, long, example string) *cobra.Command {
	a := application{global: g}
	rotation := provision.Rotation{}
	cmd := &cobra.Command{
		Use: use, Short: short, Example: example,
		Long: long + `

It goes in phases: each is told to all hosts and then applied, one host at a time
where it matters. All hosts must answer and be as the inventory says. Interrupted
or killed, it goes on where it was when run again; an apply meanwhile keeps the
phase. --yes agrees to all phases; else each plan is asked for.

Exit codes: 0 it is done, or waits until the time it says; 1 it is not.`,
		Args: cobra.MatchAll(exactly(1), cobra.OnlyValidArgs), ValidArgs: names,
		RunE: func(cmd *cobra.Command, args []string) error {
			rotation.Name = args[0]
			return a.told(a.rotate(cmd.Context(), rotation))
		},
	}
	a.yes.flag(cmd)
	cmd.Flags().BoolVar(&rotation.Hurry, "now", false, "do not wait for clients that learn of it only in time")
	return cmd
}

func (a *application) rotate(ctx context.Context, rotation provision.Rotation) (err error) {
	if err := a.begin(ctx); err != nil {
		return err
	}
	a.progress = a.global.progress(a.out)
	defer a.progress.Close()
	o, err := a.operate(a.inv, a.progress.Event, func(o *provision.Options) {
		o.Operation.Verb = "certs rotate " + rotation.Name
	})
	if err != nil {
		return err
	}
	defer o.Close()
	agreed := a.yes.given()
	if !agreed {
		if agreed, err = a.consent(a.inv.Cluster, o.Target(), "Rotate "+rotation.Name); err != nil {
			return err
		}
	}
	if !agreed {
		return provision.ErrDeclined
	}
	rotated, err := o.Rotate(ctx, rotation, func(p *plan.Plan) (bool, error) { return a.approve(p) })
	a.progress.Close()
	if err != nil && rotated != nil && rotated.Phase != "" {
		return fmt.Errorf("%w\nThe rotation of %s goes on when the same command is run again", err, rotation.Name)
	}
	if err != nil {
		return err
	}
	return a.tellRotated(rotated)
}

func (a *application) tellRotated(r *provision.Rotated) error {
	if a.json {
		a.line(struct {
			Type string `json:"type"`
			*provision.Rotated
		}{"result", r})
		a.concluded = true
		return nil
	}
	if r.Done {
		fmt.Fprintf(a.out, "\nRotated: %s. Nothing trusts or uses the old one any more.\n", r.Name)
		return nil
	}
	fmt.Fprintf(a.out, "\nThe rotation of %s waits (phase %s): clients get time. Run the same command again after %s, or with --now.\n",
		r.Name, r.Phase, r.Until.Local().Format(time.DateTime))
	return nil
}
