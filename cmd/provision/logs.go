package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision"
	"provision/provision/component/components"
	"provision/provision/inventory"
	"provision/provision/parts"
	"provision/provision/report"
)

func logsVerb(g *cli.Global) *cobra.Command {
	var log provision.Log
	var since string
	cmd := &cobra.Command{
		Use:   "logs HOST UNIT",
		Short: "Show or follow the log of a service",
		Long: `Reads the journal of one systemd unit through the host's agent. ".service" may be
left out. Terminal control characters are replaced. --follow ends with Ctrl-C or
with the session.

With --json, one JSON value a line: {"host": …, "unit": …, "line": …}.

Exit codes: 0 success, also for an empty log; 1 the host did not answer, has no
such unit, or the log cannot be read; 130 Ctrl-C.`,
		Example: "  provision logs m1 etcd\n  provision --lab logs -i inventories/lab.hcl n1 kubelet -f\n  provision logs m2 kube-apiserver --since 2h -n 0",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			return completeUnits(g, cmd, args, word)
		},
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return errors.New("give a host and a unit: provision logs m1 etcd; give the inventory with -i FILE")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			inv, err := g.Load(cmd.Context(), nil)
			if err != nil {
				return err
			}
			if err := cli.KnownHosts(inv, args[:1]); err != nil {
				return err
			}
			if log.Unit, err = unitName(args[1]); err != nil {
				return err
			}
			if log.Ago, err = ago(since, time.Now()); err != nil {
				return err
			}
			if log.Ago > 0 && !cmd.Flags().Changed("lines") {
				log.Lines = 0
			}
			return logs(g, cmd, inv, args[0], log)
		},
	}
	cmd.Flags().BoolVarP(&log.Follow, "follow", "f", false, "keep showing new lines")
	cmd.Flags().IntVarP(&log.Lines, "lines", "n", 100, "show the last `N` lines (with --since: all)")
	cmd.Flags().StringVar(&since, "since", "", "only lines since `WHEN`: 90s, 2h, or 2006-01-02T15:04:05Z")
	return cmd
}

// logs copies the log to the output, line by line, cleaned.
func logs(g *cli.Global, cmd *cobra.Command, inv *inventory.Inventory, host string, log provision.Log) error {
	o, err := g.Operate(inv, g.Waits)
	if err != nil {
		return err
	}
	defer o.Close()
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := o.Logs(cmd.Context(), host, log, in)
		in.CloseWithError(err)
		done <- err
	}()
	lines := bufio.NewReader(out)
	shown := 0
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			shown++
			logLine(g, host, log.Unit, strings.TrimSuffix(line, "\n"))
		}
		if err != nil {
			break
		}
	}
	out.Close()
	if err := <-done; err != nil {
		return err
	}
	if err := cmd.Context().Err(); err != nil {
		return err
	}
	if shown == 0 {
		fmt.Fprintf(g.Err, "The log of %s on %s has no lines%s.\n", log.Unit, host, span(log))
	}
	return nil
}

// span says which part of a log was asked for.
func span(log provision.Log) string {
	if log.Ago > 0 {
		return fmt.Sprintf(" of the last %s", log.Ago.Round(time.Second))
	}
	return ""
}

func logLine(g *cli.Global, host, unit, text string) {
	if g.JSON {
		g.Line(struct {
			Host string `json:"host"`
			Unit string `json:"unit"`
			Line string `json:"line"`
		}{host, unit, text})
		return
	}
	fmt.Fprintln(g.Out, report.Clean(text))
}

var plainUnit = regexp.MustCompile(`^[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]*$`)

// unitName is a full unit name.
func unitName(text string) (string, error) {
	if !plainUnit.MatchString(text) {
		return "", fmt.Errorf("%q is not a unit name", text)
	}
	for _, kind := range []string{".service", ".socket", ".timer", ".mount", ".scope", ".slice", ".target", ".path", ".device", ".swap", ".automount"} {
		if strings.HasSuffix(text, kind) {
			return text, nil
		}
	}
	return text + ".service", nil
}

// ago reads a duration, or a point in time.
func ago(text string, now time.Time) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	span, err := time.ParseDuration(text)
	if err != nil {
		var at time.Time
		if at, err = time.Parse(time.RFC3339, text); err == nil {
			span = now.Sub(at)
		}
	}
	if err != nil || span < time.Second {
		return 0, fmt.Errorf("cannot read --since %q: give a past time, such as 90s, 2h or 2006-01-02T15:04:05Z", text)
	}
	return span, nil
}

// completeUnits offers hosts, then the services that the host's roles require.
func completeUnits(g *cli.Global, cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return g.CompleteHosts(cmd, args, word)
	}
	vars, err := cli.SplitVars(g.Vars)
	if err != nil || len(args) > 1 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	inv, _ := inventory.Load(cmd.Context(), inventory.Options{Parts: parts.All(), Paths: g.Paths(nil), Vars: vars, VarFiles: g.VarFiles, Env: g.Env})
	if inv == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return cli.Beginning(provision.Services(inv, components.All(), args[0]), word), cobra.ShellCompDirectiveNoFileComp
}
