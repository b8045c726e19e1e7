package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision"
	"provision/provision/kube"
	"provision/provision/report"
)

// apiName is in the certificate of every API server; a tunnel's address is not.
const apiName = "kubernetes.default.svc"

func kubeconfigVerb(g *cli.Global) *cobra.Command {
	var out string
	var tunneled bool
	cmd := &cobra.Command{
		Use:   "kubeconfig [INVENTORY]",
		Short: "Write a kubeconfig that is valid for an hour",
		Long: `Creates a key in memory, has a master sign its certificate for one hour (group
bound to cluster-admin), and writes a kubeconfig (mode 0600) to --out or standard
output.

With --tunnel it stays in the foreground and serves the API on loopback, through
SSH: no port of the cluster needs to be reachable from here. It exits with 1 once
it has lost the sessions with all masters.`,
		Example: `  provision kubeconfig --out dc1.kubeconfig
  provision --lab kubeconfig --tunnel --out lab.kubeconfig inventories/lab.hcl &
  kubectl --kubeconfig lab.kubeconfig get nodes`,
		Args: cli.InventoryArgs, ValidArgsFunction: cli.CompleteInventory,
		RunE: func(cmd *cobra.Command, args []string) error {
			inv, err := g.Load(cmd.Context(), args)
			if err != nil {
				return err
			}
			o, err := g.Operate(inv, g.Waits)
			if err != nil {
				return err
			}
			defer o.Close()
			access, err := o.Access(cmd.Context())
			if err != nil {
				return err
			}
			if tunneled {
				return serveTunnel(g, cmd.Context(), inv.Cluster.Name, access, out)
			}
			return writeKubeconfig(g, inv.Cluster.Name, "https://"+access.Server, "", access, out)
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "write to `FILE` instead of standard output")
	cmd.Flags().BoolVar(&tunneled, "tunnel", false, "serve the API on loopback through SSH until interrupted")
	return cmd
}

func writeKubeconfig(g *cli.Global, cluster, server, name string, access *provision.Access, out string) error {
	c := access.Credentials
	content, err := kube.Kubeconfig(cluster, server, name, c.CA, c.Cert, c.Key)
	if err != nil {
		return err
	}
	if out == "" {
		_, err := g.Out.Write(content)
		return err
	}
	// The mode of a file that is there already would stay: start afresh.
	if err := os.Remove(out); err != nil && !errors.Is(err, os.ErrNotExist) {
		return cli.CannotWrite("the kubeconfig", out, err)
	}
	if err := os.WriteFile(out, content, 0o600); err != nil {
		return cli.CannotWrite("the kubeconfig", out, err)
	}
	fmt.Fprintf(g.Err, "Wrote %s, valid for an hour.\n", out)
	return nil
}

// serveTunnel carries connections until the context ends, or the sessions with
// all masters have.
func serveTunnel(g *cli.Global, parent context.Context, cluster string, access *provision.Access, out string) error {
	listener, err := (&net.ListenConfig{}).Listen(parent, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("opening the tunnel: %w", err)
	}
	defer listener.Close()
	if err := writeKubeconfig(g, cluster, "https://"+listener.Addr().String(), apiName, access, out); err != nil {
		return err
	}
	fmt.Fprintf(g.Err, "Serving the API on %s until interrupted.\n", listener.Addr())
	var all sync.WaitGroup
	defer all.Wait()
	ctx, end := context.WithCancelCause(parent)
	defer end(nil)
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	all.Go(func() {
		if err := access.Lost(ctx); err != nil {
			end(err)
		}
	})
	t := &tunnel{access: access, err: g.Err}
	for {
		conn, err := listener.Accept()
		switch {
		case err == nil:
			all.Go(func() { t.carry(ctx, conn) })
		case parent.Err() != nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("the tunnel is closed; run the same command to open it again: %w", context.Cause(ctx))
		default:
			return fmt.Errorf("serving the tunnel: %w", err)
		}
	}
}

// tunnel carries connections to the API.
type tunnel struct {
	access *provision.Access
	mu     sync.Mutex
	err    io.Writer
	cut    bool // it was said that no API server can be reached
}

// tell says once that no API server can be reached, and once that one can.
func (t *tunnel) tell(ctx context.Context, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ctx.Err() != nil || t.cut == (err != nil) {
		return
	}
	t.cut = err != nil
	if t.cut {
		fmt.Fprintf(t.err, "No API server is reachable: %s\n", report.Line(err.Error()))
		return
	}
	fmt.Fprintln(t.err, "An API server is reachable again.")
}

func (t *tunnel) carry(ctx context.Context, near net.Conn) {
	defer near.Close()
	far, err := t.access.Dial(ctx)
	t.tell(ctx, err)
	if err != nil {
		return // the client sees a closed connection and tries again
	}
	defer far.Close()
	stop := context.AfterFunc(ctx, func() { near.Close(); far.Close() })
	defer stop()
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(far, near) // ends with either side
		closeWrite(far)
		close(done)
	}()
	_, _ = io.Copy(near, far)
	closeWrite(near)
	<-done
}

func closeWrite(conn net.Conn) {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
		return
	}
	conn.Close()
}
