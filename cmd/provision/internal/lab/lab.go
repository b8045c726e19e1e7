package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision/event"
	"provision/provision/lab"
	"provision/provision/report"
)

func Verb(g *cli.Global) *cobra.Command {
	return cli.Group("lab", "Boot an inventory's hosts on this machine, to rehearse",
		labUpVerb(g), labDownVerb(g), labListVerb(g), labSSHVerb(g), labFaultVerb(g), labHintsVerb(g))
}

func labUpVerb(g *cli.Global) *cobra.Command {
	var disks, vms []string
	var machine lab.Machine
	cmd := &cobra.Command{
		Use:   "up [INVENTORY]",
		Short: "Boot the inventory's hosts as test hosts",
		Long: `Boots the inventory's hosts on this machine, with their names and addresses: real
systemd and OpenSSH, in a network namespace with no route out. Needs root. Verbs
act on them only with --lab. In a lab that is up, it only boots hosts that are
off.`,
		Example: "  provision lab up inventories/lab.hcl\n  provision --lab=second lab up inventories/lab.hcl\n  provision lab up --vm node-2 --disk master:/var/lib/etcd=512M inventories/small.hcl",
		Args:    cli.InventoryArgs, ValidArgsFunction: cli.CompleteInventory,
		RunE: func(cmd *cobra.Command, args []string) error {
			inv, err := g.Load(cmd.Context(), args)
			if err != nil {
				return err
			}
			started := time.Now()
			say := func(line string) {
				if !g.JSON {
					fmt.Fprintf(g.Out, "%6.1fs  %s\n", time.Since(started).Seconds(), line)
				}
			}
			name := ""
			if g.Lab != cli.LabOfCluster {
				name = g.Lab
			}
			o := lab.Options{Inventory: inv, Name: name, Progress: say, VMs: vms, Machine: machine}
			for _, text := range disks {
				d, err := lab.ParseDisk(text)
				if err != nil {
					return err
				}
				o.Disks = append(o.Disks, d)
			}
			up, err := lab.Up(cmd.Context(), o)
			if err != nil {
				return err
			}
			if g.JSON {
				return report.JSON(g.Out, up.Hosts())
			}
			say(fmt.Sprintf("Lab %q is up: %s.", up.Name(), event.Count(len(up.Hosts()), "host")))
			return nil
		},
	}
	cmd.Flags().StringArrayVar(&disks, "disk", nil, "give hosts a file system: [HOST:]PATH=SIZE, such as /var/lib/etcd=512M (repeatable)")
	cmd.Flags().StringSliceVar(&vms, "vm", nil, "make these hosts virtual machines, with their own kernel, clock, swap and modules")
	cmd.Flags().IntVar(&machine.CPUs, "vm-cpus", 0, "processors of each virtual machine (default 2)")
	cmd.Flags().IntVar(&machine.Memory, "vm-memory", 0, "memory of each virtual machine, in MiB (default 2048)")
	return cmd
}

func labDownVerb(g *cli.Global) *cobra.Command {
	return &cobra.Command{
		Use:     "down [NAME | INVENTORY]",
		Short:   "Remove a lab completely, also after a killed lab up",
		Example: "  provision lab down lab\n  provision lab down inventories/lab.hcl",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := whichLab(cmd.Context(), g, args)
			if err != nil {
				return err
			}
			known, err := lab.List() // half-made ones too
			if err != nil {
				return err
			}
			if err := lab.Down(cmd.Context(), name); err != nil {
				return err
			}
			if !slices.Contains(known, name) {
				return fmt.Errorf("there is no lab %q; to list the labs: provision lab list", name)
			}
			if g.JSON {
				return report.JSON(g.Out, map[string]string{"removed": name})
			}
			fmt.Fprintf(g.Out, "Removed lab %q.\n", name)
			return nil
		},
	}
}

// whichLab takes a lab's name, or the inventory whose cluster it is named for.
func whichLab(ctx context.Context, g *cli.Global, args []string) (string, error) {
	if len(args) == 1 {
		if _, err := os.Stat(args[0]); errors.Is(err, os.ErrNotExist) {
			return args[0], nil
		}
	}
	if g.Lab != "" && g.Lab != cli.LabOfCluster {
		return g.Lab, nil
	}
	inv, err := g.Load(ctx, args)
	if err != nil {
		return "", err
	}
	return inv.Cluster.Name, nil
}

func labListVerb(g *cli.Global) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the labs on this machine, their hosts and faults", Args: cobra.NoArgs,
		Example: "  provision lab list\n  provision lab list --json",
		RunE: func(_ *cobra.Command, _ []string) error {
			names, err := lab.List()
			if err != nil {
				return err
			}
			labs := map[string][]listedHost{}
			for _, name := range names {
				if labs[name], err = listHosts(name); err != nil {
					return err
				}
			}
			if g.JSON {
				return report.JSON(g.Out, labs)
			}
			w := tabwriter.NewWriter(g.Out, 2, 8, 2, ' ', 0)
			fmt.Fprintln(w, "LAB\tHOST\tADDRESS\tKIND\tON\tFAULTS")
			for _, name := range names {
				if len(labs[name]) == 0 {
					fmt.Fprintf(w, "%s\t(half made: remove it with provision lab down %s)\n", name, name)
				}
				for _, h := range labs[name] {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%v\t%s\n", name, h.Name, h.Address, h.Kind, h.On, faultText(h.Faults))
				}
			}
			return w.Flush()
		},
	}
}

// listedHost is a host as lab list shows it.
type listedHost struct {
	lab.Host
	Faults []lab.Fault
}

// listHosts returns nothing for a lab that is half made, which down removes.
func listHosts(name string) ([]listedHost, error) {
	opened, err := lab.Open(name)
	if err != nil {
		return nil, nil
	}
	faults, err := faultsByHost(opened)
	var hosts []listedHost
	for _, h := range opened.Hosts() {
		hosts = append(hosts, listedHost{Host: h, Faults: faults[h.Name]})
	}
	return hosts, err
}

func labSSHVerb(g *cli.Global) *cobra.Command {
	var console bool
	cmd := &cobra.Command{
		Use:   "ssh HOST [-- COMMAND...]",
		Short: "Open a shell on a lab host, or run a command there",
		Long: `Opens a shell on a lab host, or runs a command there, over SSH. --console does not
log in: use it while a host's sshd or login shell hangs. A login shell that runs
nothing for 30 s is taken to hang.`,
		Example: "  provision lab ssh m1\n  provision lab ssh n1 -- systemctl status kubelet\n  provision lab ssh --console n1 -- rm /root/.bashrc",
		Args:    cli.AtLeast(1), ValidArgsFunction: g.CompleteLabHosts,
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := onlyLab(g, args[0])
			if err != nil {
				return err
			}
			opened, err := lab.Open(name)
			if err != nil {
				return err
			}
			command := opened.SSH
			if console {
				command = opened.Console
			} else if err := opened.Answers(cmd.Context(), args[0]); err != nil {
				return err
			}
			shell, err := command(cmd.Context(), args[0], args[1:]...)
			if err != nil {
				return err
			}
			shell.Stdin, shell.Stdout, shell.Stderr = g.In, g.Out, g.Err
			err = shell.Run()
			var failed *exec.ExitError
			if errors.As(err, &failed) {
				return cli.Exit(failed.ExitCode())
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&console, "console", false, "do not log in: for a host whose sshd or login shell hangs (containers only)")
	return cmd
}

// onlyLab is the lab named by --lab, or the only one that has the host.
func onlyLab(g *cli.Global, host string) (string, error) {
	if g.Lab != "" && g.Lab != cli.LabOfCluster {
		return g.Lab, nil
	}
	names, err := lab.List()
	if err != nil {
		return "", err
	}
	var found []string
	for _, name := range names {
		opened, err := lab.Open(name)
		if err != nil {
			continue
		}
		for _, h := range opened.Hosts() {
			if h.Name == host {
				found = append(found, name)
			}
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("no lab has a host %q; to list the labs: provision lab list", host)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("several labs have a host %q; name one with --lab=NAME: %v", host, found)
}

func labHintsVerb(g *cli.Global) *cobra.Command {
	return &cobra.Command{
		Use: "hints [INVENTORY]", Short: "Print what can be done with a lab next", Args: cli.InventoryArgs, Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			inv, err := g.Load(cmd.Context(), args)
			if err != nil {
				return err
			}
			file, name := "INVENTORY", inv.Cluster.Name
			if len(args) > 0 {
				file = args[0]
			}
			fmt.Fprintf(g.Out, `
Look at it:
  bin/provision --lab status %[1]s
  bin/provision --lab kubeconfig --tunnel --out lab.kubeconfig %[1]s &   # then: kubectl --kubeconfig lab.kubeconfig get nodes
  bin/provision lab ssh %[2]s
Change the inventory and see what would happen:
  bin/provision --lab plan %[1]s
Tear it down:
  bin/provision lab down %[3]s
`, file, inv.Hosts[0].Name, name)
			return nil
		},
	}
}
