package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision/event"
	"provision/provision/interview"
	"provision/provision/inventory"
	"provision/provision/remote"
	"provision/provision/report"
)

// initFlags are the verb's own.
type initFlags struct {
	answers               interview.Answers
	file                  string // of answers
	noSSH, force, sudo    bool
	knownHosts            string
	hosts, masters, nodes []string
	etcd                  []string
}

const initLong = `Asks for the cluster's name, the hosts, their roles, and how to log in. It tests
SSH to each host and writes a commented inventory that provision validate
accepts. It writes nothing before the last question. On the hosts it only
installs the agent.

FILE defaults to NAME.hcl in the current folder. Questions that flags or --answers
answer are skipped. Without a terminal nothing is asked: open questions take their
default, or are an error.

--hosts (master and node), --masters and --nodes take addresses (10.0.0.11),
ranges (10.0.0.11-13 or 10.0.0.[11-13,21]), networks (10.0.0.0/28) and names
(node1.example). A host of --masters and --nodes is both.

A file of answers is one JSON object. Every field is optional:
  {"name": "dc1", "environment": "prod",
   "hosts": [], "masters": ["10.0.0.11-13"], "nodes": ["10.0.1.11-50"], "etcd": [],
   "host_names": {"10.0.0.11": "m1"},
   "user": "ops", "port": 22, "identity_file": "~/.ssh/dc1", "sudo": true,
   "bastion": "ops@bastion.example:22",
   "pods": "10.32.0.0/12", "services": "10.96.0.0/16"}`

const initExample = `  provision init
  provision init dc1.hcl --name dc1 --user ops --masters 10.0.0.11-13 --nodes 10.0.1.11-50
  provision init dc1.hcl --answers dc1.json --no-ssh`

func initVerb(g *cli.Global) *cobra.Command {
	f := &initFlags{}
	cmd := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Ask a few questions and write an inventory",
		Long:  initLong, Example: initExample,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: cli.CompleteInventory,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("sudo") {
				f.answers.Sudo = &f.sudo
			}
			return conduct(cmd.Context(), g, f, args)
		},
	}
	flags, a := cmd.Flags(), &f.answers
	flags.StringVar(&a.Name, "name", "", "the cluster's `NAME`")
	flags.StringVar(&a.Environment, "environment", "", "`test` or prod")
	flags.StringSliceVar(&f.hosts, "hosts", nil, "hosts that are master and node: `ADDRESSES`, ranges, names")
	flags.StringSliceVar(&f.masters, "masters", nil, "hosts that are masters: `ADDRESSES`, ranges, names")
	flags.StringSliceVar(&f.nodes, "nodes", nil, "hosts that are nodes: `ADDRESSES`, ranges, names")
	flags.StringSliceVar(&f.etcd, "etcd", nil, "`HOSTS` that keep etcd (default: the masters, an odd number of them)")
	flags.StringToStringVar(&a.HostNames, "host-names", nil, "names of hosts, `ADDRESS=NAME`")
	flags.StringVar(&a.User, "user", "", "SSH `USER` (default root)")
	flags.IntVar(&a.Port, "port", 0, "SSH `PORT` (default 22)")
	flags.StringVar(&a.IdentityFile, "identity-file", "", "private key `FILE` (default: ssh-agent and the keys of ~/.ssh)")
	flags.StringVar(&a.Bastion, "bastion", "", "SSH bastion, `[USER@]HOST[:PORT]`")
	flags.BoolVar(&f.sudo, "sudo", true, "become root through sudo, unless the user is root")
	flags.StringVar(&a.Pods, "pods", "", "`NETWORK` of pods")
	flags.StringVar(&a.Services, "services", "", "`NETWORK` of services")
	flags.StringVar(&f.file, "answers", "", "read answers from the JSON `FILE` (- for standard input); flags override them")
	flags.StringVar(&f.knownHosts, "known-hosts", "", "write accepted host keys to `FILE` (default ~/.ssh/known_hosts)")
	flags.BoolVar(&f.noSSH, "no-ssh", false, "do not test SSH")
	flags.BoolVar(&f.force, "force", false, "replace FILE if it exists")
	return cmd
}

func conduct(ctx context.Context, g *cli.Global, f *initFlags, args []string) error {
	answers, err := f.read(g.In)
	if err != nil {
		return err
	}
	if g.Lab == cli.LabOfCluster {
		return errors.New("cannot tell which lab is meant: name it with --lab=NAME")
	}
	c := &cli.Console{Global: g}
	ask := g.Ask && !g.JSON && f.file != "-"
	path := ""
	if len(args) > 0 {
		path = args[0]
	}
	if path != "" { // before a long interview, not after it
		if err := mayWrite(path, f.force, ask); err != nil {
			return err
		}
	}
	options := interview.Options{Console: c, Ask: ask, Resolve: resolve, Answers: answers, Lab: g.Lab}
	if !f.noSSH {
		options.Prober = remote.Prober{KnownHosts: f.knownHosts, Settings: func(inv *inventory.Inventory) (remote.Settings, error) {
			return probeSettings(g, inv)
		}}
	}
	draft, err := interview.Conduct(ctx, options)
	if err != nil {
		return notWritten(ctx, err)
	}
	if path == "" {
		path = draft.Name + ".hcl"
	}
	if err := place(ctx, g, c, path, ask, f.force, interview.Render(draft)); err != nil {
		return notWritten(ctx, err)
	}
	return concludeInit(g, path, draft)
}

// notWritten tells the end of input from other failures.
func notWritten(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return err
	case errors.Is(err, io.EOF):
		return errors.New("the answers ended early: nothing was written")
	}
	return fmt.Errorf("%w\nNothing was written", err)
}

func (f *initFlags) read(in io.Reader) (interview.Answers, error) {
	f.answers.Hosts, f.answers.Masters, f.answers.Nodes, f.answers.Etcd = f.hosts, f.masters, f.nodes, f.etcd
	if f.file == "" {
		return f.answers, nil
	}
	if f.file != "-" {
		file, err := os.Open(f.file)
		if err != nil {
			return f.answers, fmt.Errorf("reading the answers: %w", err)
		}
		defer file.Close()
		in = file
	}
	from, err := interview.ReadAnswers(in)
	return from.Over(f.answers), err
}

// probeSettings are those of the real hosts, or of a lab whose hosts are found
// by their addresses: names are not settled yet.
func probeSettings(g *cli.Global, inv *inventory.Inventory) (remote.Settings, error) {
	settings, err := g.Settings(inv)
	if err != nil || settings.Lab == nil {
		return settings, err
	}
	byAddress := map[string]remote.LabHost{}
	for _, h := range settings.Lab.Hosts {
		byAddress[h.Address] = h
	}
	settings.Lab.Hosts = map[string]remote.LabHost{}
	for _, h := range inv.Hosts {
		if known, ok := byAddress[h.Address.String()]; ok {
			settings.Lab.Hosts[h.Name] = known
		}
	}
	return settings, nil
}

func resolve(ctx context.Context, name string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
}

// mayWrite says early that a file cannot be written.
func mayWrite(path string, force, ask bool) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		folder, err := os.Stat(filepath.Dir(path))
		if err == nil && !folder.IsDir() {
			err = errors.New("it is not a folder")
		}
		if err != nil {
			return fmt.Errorf("cannot write %s: %s: %w", path, filepath.Dir(path), err)
		}
		return nil
	case err != nil:
		return fmt.Errorf("cannot write %s: %w", path, err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("cannot write %s: it is not a regular file", path)
	case !force && !ask:
		return fmt.Errorf("cannot write %s: it exists; replace it with --force, or name another file", path)
	}
	return nil
}

// place writes the inventory, whole or not at all.
func place(ctx context.Context, g *cli.Global, c *cli.Console, path string, ask, force bool, content []byte) error {
	if err := mayWrite(path, force, ask); err != nil {
		return err
	}
	question, wanted := fmt.Sprintf("Write %s? Type yes: ", path), "yes"
	if _, err := os.Stat(path); err == nil && !force {
		question, wanted = fmt.Sprintf("%s exists. Type replace to replace it: ", path), "replace"
	}
	if ask {
		c.Say("")
		c.Say(strings.TrimRight(string(content), "\n"))
		c.Say("")
		line, err := c.Line(ctx, question)
		if err != nil {
			return err
		}
		if strings.TrimSpace(line) != wanted {
			return errors.New("you did not type " + wanted)
		}
		force = force || wanted == "replace"
	}
	return writeWhole(path, content, force)
}

// writeWhole makes a file that is there whole or not at all, also after a crash.
// Without replace, a file that appeared meanwhile is kept.
func writeWhole(path string, content []byte, replace bool) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".provision-init-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer os.Remove(file.Name())
	_, err = file.Write(content)
	err = errors.Join(err, file.Chmod(0o644), file.Sync(), file.Close())
	switch {
	case err != nil:
	case replace:
		err = os.Rename(file.Name(), path)
	default:
		if err = os.Link(file.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
			err = os.Rename(file.Name(), path) // file systems without hard links
		}
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// concludeInit says what comes next.
func concludeInit(g *cli.Global, path string, d interview.Draft) error {
	names := make([]string, 0, len(d.Hosts))
	untested := 0
	for _, h := range d.Hosts {
		names = append(names, h.Name)
		if h.Report == nil {
			untested++
		}
	}
	next := [][]string{{"validate", path}, {"plan", path}, {"apply", path}}
	if g.Lab != "" {
		lab := "--lab=" + g.Lab
		next = [][]string{{"validate", path}, {lab, "lab", "up", path}, {lab, "plan", path}, {lab, "apply", path}}
	}
	if untested > 0 && g.Lab == "" {
		next = append([][]string{append([]string{"hostkeys", "accept", "-i", path}, names...)}, next...)
	}
	if g.JSON {
		commands := make([]string, 0, len(next))
		for _, n := range next {
			commands = append(commands, cli.CommandLine(n))
		}
		return report.JSON(g.Out, struct {
			File     string   `json:"file"`
			Cluster  string   `json:"cluster"`
			Hosts    []string `json:"hosts"`
			Untested int      `json:"untested"`
			Next     []string `json:"next"`
		}{path, d.Name, names, untested, commands})
	}
	fmt.Fprintf(g.Out, "Wrote %s: cluster %q, %s.\nNext:\n", path, d.Name, event.Count(len(names), "host"))
	for _, n := range next {
		fmt.Fprintln(g.Out, " ", cli.CommandLine(n))
	}
	if g.Lab == "" {
		fmt.Fprintln(g.Out, "To rehearse on this machine first, see docs/getting-started.md.")
	}
	return nil
}
