package etcd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision"
	"provision/provision/etcd/backup"
	"provision/provision/etcd/backup/catalog"
	"provision/provision/etcd/snapshot"
	"provision/provision/restore"
)

// restoring is what one restore was asked to do.
type restoring struct {
	cli.Application
	request  restore.Request
	latest   bool
	identity string
}

func restoreVerb(g *cli.Global) *cobra.Command {
	r := restoring{Application: cli.Application{Global: g}}
	cmd := &cobra.Command{
		Use:   "restore BACKUP|FILE",
		Short: "Bring the cluster back from a backup of etcd",
		Long: `Recreates etcd from a backup, on all etcd hosts, and restarts everything that has
objects in memory: API servers, controllers, schedulers, kubelets, kube-proxy, the
network. Containers keep running; those that the backup does not know end. Changes
after the backup are lost.

BACKUP is a name that "provision etcd list" shows, or --latest: the newest that was
proven and read back. It is fetched, decrypted with --identity, and compared with its
manifest. FILE is a snapshot as "etcdctl snapshot save" writes it. Either is checked
first: one that is cut, empty, damaged, of another cluster, of a newer minor release
of etcd, or with Secrets that nobody can read any more, is refused before anything
stops.

What answers is backed up first, on two hosts (/var/lib/provision/snapshots). Data
that are in the way are kept beside the new ones, in before-restore-TIME, until you
remove them. Every master and etcd host must answer, or be given up with --lost:
switch it off, and keep it off until the restore is over. Later an apply lets it join
again.

The new etcd is another cluster, with revisions above all that were ever handed
out. It can be killed at any moment: the same command finishes it, and until then
no other command changes the cluster.

Exit codes: 0 the cluster is back; 1 it is not, or not all: run it again.`,
		Example: `  provision etcd restore --latest --identity backup.key
  provision etcd restore etcd.snapshot
  provision etcd restore --yes=dc1 -i inventories/dc1.hcl etcd.snapshot
  provision --lab etcd restore -i inventories/lab.hcl --lost m3 etcd.snapshot`,
		Args: func(cmd *cobra.Command, args []string) error {
			if r.latest {
				return cli.Exactly(0)(cmd, args)
			}
			return cli.Exactly(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			what := ""
			if len(args) > 0 {
				what = args[0]
			}
			return r.Told(r.run(cmd.Context(), what))
		},
	}
	r.Yes.Flag(cmd)
	cmd.Flags().BoolVar(&r.latest, "latest", false, "take the newest backup that was proven and read back")
	cmd.Flags().StringVar(&r.identity, "identity", "", "`FILE` with the age identity of a recipient, to decrypt a backup")
	cmd.Flags().StringArrayVar(&r.request.Lost, "lost", nil, "`HOST` is off, and what it has will never be served: go on without it")
	cmd.Flags().BoolVar(&r.request.Foreign, "foreign", false, "take a file that is not known to be of this cluster")
	_ = cmd.RegisterFlagCompletionFunc("lost", func(cmd *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
		return cli.Beginning(g.HostNames(cmd.Context(), nil), word), cobra.ShellCompDirectiveNoFileComp
	})
	r.MinorityFlag(cmd)
	return cmd
}

func (r *restoring) run(ctx context.Context, what string) (err error) {
	if err := r.Begin(ctx); err != nil {
		return err
	}
	if err := cli.KnownHosts(r.Inv, r.request.Lost); err != nil {
		return err
	}
	clean, err := r.find(ctx, what)
	if err != nil {
		return fmt.Errorf("cannot restore, nothing was changed: %w", err)
	}
	defer clean()
	r.Progress = r.Global.Progress(r.Out)
	defer r.Progress.Close()
	o, err := r.Operate(r.Inv, r.Progress.Event, func(o *provision.Options) { o.AllowMinority = r.Minority || len(r.request.Lost) > 0 })
	if err != nil {
		return err
	}
	defer o.Close()
	err = o.Restore(ctx, r.request, r.approve)
	r.Progress.Close()
	switch {
	case r.JSON:
		r.Line(cli.Ended{Type: "result", Error: text(err)})
		r.Concluded = true
	case err == nil:
		fmt.Fprintln(r.Out, "The cluster is back. Data that were replaced are in before-restore-… beside the new ones: remove them when you do not need them.")
	}
	return err
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// find reads the file, or fetches the backup. What it leaves on this machine is
// cleaned up after.
func (r *restoring) find(ctx context.Context, what string) (clean func(), err error) {
	_, missing := os.Stat(what)
	if _, err := backup.ParseName(what); r.latest || err == nil && missing != nil {
		return r.fetch(ctx, what)
	}
	if missing != nil {
		return nil, fmt.Errorf("there is no file %s, and it is no name that provision etcd list shows: %w", what, errors.Unwrap(missing))
	}
	file, err := snapshot.Read(what, false)
	if err != nil {
		return nil, err
	}
	r.request.File, r.request.Name = file, filepath.Base(what)
	return func() {}, nil
}

// fetch gets a backup by its name, or the newest good one for "", into a folder
// of its own: it holds all Secrets.
func (r *restoring) fetch(ctx context.Context, name string) (clean func(), err error) {
	if r.identity == "" {
		return nil, errors.New("a backup is encrypted: give --identity FILE, the identity of one of its recipients")
	}
	text, err := os.ReadFile(r.identity)
	if err != nil {
		return nil, fmt.Errorf("reading the identity: %w", err)
	}
	identities, err := catalog.Identities(text)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", r.identity, err)
	}
	folder, err := os.MkdirTemp("", "provision-restore-")
	if err != nil {
		return nil, err
	}
	clean = func() { _ = os.RemoveAll(folder) }
	if err := r.get(ctx, name, filepath.Join(folder, "etcd.snapshot"), identities); err != nil {
		clean()
		return nil, err
	}
	return clean, nil
}

func (r *restoring) get(ctx context.Context, name, path string, identities []age.Identity) error {
	o, err := r.Operate(r.Inv, r.Waits)
	if err != nil {
		return err
	}
	defer o.Close()
	dial, err := r.DialOut(r.Inv)
	if err != nil {
		return err
	}
	kept, err := o.EtcdBackups(ctx, dial)
	if err != nil {
		return err
	}
	defer kept.Close()
	b, err := kept.Choose(name)
	if err != nil {
		return err
	}
	if err := b.Fetch(ctx, path, identities); err != nil {
		return err
	}
	file, err := snapshot.Read(path, true)
	if err != nil {
		return err
	}
	r.request.File, r.request.Name, r.request.UUID, r.request.Kubernetes = file, b.Name().String(), b.Cluster, b.Kubernetes
	return nil
}

// approve shows what will be done, and asks.
func (r *restoring) approve(p *restore.Plan) (bool, error) {
	if live, ok := r.Progress.(interface{ Pause() }); ok {
		live.Pause()
	}
	if r.JSON {
		r.Line(struct {
			Type string        `json:"type"`
			Plan *restore.Plan `json:"plan"`
		}{"plan", p})
		return true, nil
	}
	fmt.Fprint(r.Out, p.Text())
	if r.Yes.Given() {
		return true, nil
	}
	return r.Consent(r.Inv.Cluster, p.Target, "Restore this")
}
