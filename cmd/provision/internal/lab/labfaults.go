package lab

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision/lab"
	"provision/provision/report"
)

func powerFault(g *cli.Global) *cobra.Command {
	return &cobra.Command{
		Use: "power HOST off|on|cycle", Short: "Cut a host's power, or switch it on",
		Long: `Cuts a host's power like pulling the plug, or boots it. A host is on when it
answers SSH. Services that cannot start delay the end of the boot: they are waited
for a while, and named.`,
		Example: "  provision lab fault power n1 off\n  provision lab fault power n1 on",
		Args:    cli.Exactly(2), ValidArgsFunction: completeWords(g, "off", "on", "cycle"),
		RunE: func(cmd *cobra.Command, args []string) error {
			host, state := args[0], args[1]
			if !slices.Contains([]string{"off", "on", "cycle"}, state) {
				return fmt.Errorf("cannot set power %q: use off, on or cycle", state)
			}
			opened, err := labOf(g, host)
			if err != nil {
				return err
			}
			if state != "on" {
				if err := opened.PowerCut(cmd.Context(), host); err != nil {
					return err
				}
			}
			if state != "off" {
				if err := opened.PowerOn(cmd.Context(), host); err != nil {
					return err
				}
			}
			if state == "off" {
				return tellPower(g, opened.Name(), host, false, nil)
			}
			units, err := opened.Unfinished(cmd.Context(), host)
			if err != nil {
				return err
			}
			return tellPower(g, opened.Name(), host, true, units)
		},
	}
}

// tellPower says whether a host is on, and what of it has not come up.
func tellPower(g *cli.Global, labName, host string, on bool, unfinished []string) error {
	if g.JSON {
		out := map[string]any{"lab": labName, "host": host, "on": on}
		if on {
			out["unfinished"] = unfinished
		}
		return report.JSON(g.Out, out)
	}
	fmt.Fprintf(g.Out, "%s is %s.\n", host, map[bool]string{true: "on", false: "off"}[on])
	if len(unfinished) > 0 {
		fmt.Fprintf(g.Out, "Not started yet: %s.\n", strings.Join(unfinished, ", "))
	}
	return nil
}

func networkFault(g *cli.Global) *cobra.Command {
	var from []string
	var ports []int
	cmd := faultKind(g, &cobra.Command{
		Use: "network HOST", Short: "Pull a host's cable, or drop part of its traffic",
		Long: `Pulls the cable: nothing reaches the host and nothing leaves it. --from drops only
traffic with those lab hosts (operator is this machine). --port drops only traffic
to those TCP ports of the host. Connections break silently.`,
		Example: "  provision lab fault network n1 --for 30s\n  provision lab fault network m1 --from m2,m3 --port 2380\n  provision lab fault network m1 --restore",
	}, 0, func(host string, _ []string) ([]lab.Fault, error) {
		whole, part := lab.Fault{Host: host, Kind: lab.FaultNetwork}, lab.Fault{Host: host, Kind: lab.FaultBlock, From: from, Ports: ports}
		if len(from)+len(ports) > 0 {
			return []lab.Fault{part, whole}, nil
		}
		return []lab.Fault{whole, part}, nil
	})
	cmd.Flags().StringSliceVar(&from, "from", nil, "only traffic with these hosts; operator is this machine")
	cmd.Flags().IntSliceVar(&ports, "port", nil, "only what is sent to these TCP ports of the host")
	return cmd
}

func rateFault(g *cli.Global) *cobra.Command {
	return faultKind(g, &cobra.Command{
		Use: "rate HOST RATE", Short: "Make a host's link slow, in both directions",
		Example: "  provision lab fault rate n1 10mbit\n  provision lab fault rate n1 --restore",
	}, 1, func(host string, args []string) ([]lab.Fault, error) {
		f := lab.Fault{Host: host, Kind: lab.FaultRate}
		var err error
		if len(args) > 0 {
			f.Rate, err = parseRate(args[0])
		}
		return []lab.Fault{f}, err
	})
}

func slowFault(g *cli.Global) *cobra.Command {
	return faultKind(g, &cobra.Command{
		Use: "slow HOST PERCENT", Short: "Limit a host to a share of one processor",
		Long: `Limits all processes of the host together to that share of one processor. At 1% a
command that takes a second takes minutes. The minimum is 0.1%.`,
		Example: "  provision lab fault slow n1 1%\n  provision lab fault slow n1 --restore",
	}, 1, func(host string, args []string) ([]lab.Fault, error) {
		f := lab.Fault{Host: host, Kind: lab.FaultSlow}
		if len(args) > 0 {
			p, err := strconv.ParseFloat(strings.TrimSuffix(args[0], "%"), 64)
			if err != nil {
				return nil, fmt.Errorf("cannot read %q: give a percentage of one processor, such as 5%%", args[0])
			}
			f.Percent = p
		}
		return []lab.Fault{f}, nil
	})
}

func freezeFault(g *cli.Global) *cobra.Command {
	return faultKind(g, &cobra.Command{
		Use: "freeze HOST", Short: "Stop all processes of a host",
		Long: `Stops every process of the host. A container's kernel still accepts connections,
but nothing answers; a virtual machine is silent.`,
		Example: "  provision lab fault freeze n1 --for 1m",
	}, 0, func(host string, _ []string) ([]lab.Fault, error) {
		return []lab.Fault{{Host: host, Kind: lab.FaultFreeze}}, nil
	})
}

func diskFault(g *cli.Global) *cobra.Command {
	var readOnly bool
	cmd := faultKind(g, &cobra.Command{
		Use: "disk HOST PATH", Short: "Fill the file system of a path, or make the path read-only",
		Long: `Fills the file system of the path to the last block; --restore frees it. The file
system must be the host's own: boot the lab with lab up --disk PATH=SIZE (/ is the
root file system), or as a virtual machine. --read-only makes any folder read-only;
files that are open for writing stay writable.`,
		Example: "  provision lab fault disk m1 /var/lib/etcd\n  provision lab fault disk m1 /etc --read-only\n  provision lab fault disk m1 --restore",
	}, 1, func(host string, args []string) ([]lab.Fault, error) {
		full, ro := lab.Fault{Host: host, Kind: lab.FaultDisk}, lab.Fault{Host: host, Kind: lab.FaultReadOnly}
		if len(args) > 0 {
			full.Path, ro.Path = args[0], args[0]
		}
		if readOnly {
			return []lab.Fault{ro, full}, nil
		}
		return []lab.Fault{full, ro}, nil
	})
	cmd.Flags().BoolVar(&readOnly, "read-only", false, "make the folder read-only instead")
	return cmd
}

func clockFault(g *cli.Global) *cobra.Command {
	return faultKind(g, &cobra.Command{
		Use: "clock HOST OFFSET", Short: "Set the clock of a virtual machine wrong",
		Long: `Sets the host's clock off by that much. Containers share this machine's clock, so
the host must be a virtual machine (lab up --vm HOST).`,
		Example: "  provision lab fault clock n1 +1h\n  provision lab fault clock n1 --restore",
	}, 1, func(host string, args []string) ([]lab.Fault, error) {
		f := lab.Fault{Host: host, Kind: lab.FaultClock}
		if len(args) > 0 {
			d, err := time.ParseDuration(args[0])
			if err != nil {
				return nil, fmt.Errorf("cannot read %q: give a duration, such as +1h; write a negative one after --, such as -- -90s", args[0])
			}
			f.Offset = d
		}
		return []lab.Fault{f}, nil
	})
}

// completeWords offers lab hosts, then the words.
func completeWords(g *cli.Global, words ...string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return g.CompleteLabHosts(cmd, args, word)
		}
		if len(args) > 1 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}
