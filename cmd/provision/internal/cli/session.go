package cli

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	addonlist "provision/addons/catalogue"
	"provision/provision"
	"provision/provision/bundle/store"
	"provision/provision/component/components"
	"provision/provision/diag"
	"provision/provision/event"
	"provision/provision/inventory"
	"provision/provision/lab"
	"provision/provision/ownimages"
	"provision/provision/parts"
	"provision/provision/remote"
	"provision/provision/report"
	"provision/provision/resource/clusterkinds"
	"provision/provision/secret"
)

// Load reads the inventory.
func (g *Global) Load(ctx context.Context, args []string) (*inventory.Inventory, error) {
	vars, err := SplitVars(g.Vars)
	if err != nil {
		return nil, err
	}
	inv, problems := inventory.Load(ctx, inventory.Options{Parts: parts.All(), Paths: g.Paths(args), Vars: vars, VarFiles: g.VarFiles, Env: g.Env})
	return g.Checked(inv, problems)
}

// Checked tells what is wrong with an inventory, and fails if anything is.
func (g *Global) Checked(inv *inventory.Inventory, problems diag.List) (*inventory.Inventory, error) {
	if !problems.HasErrors() && inv != nil {
		problems = append(problems, diag.FromHCL(ownimages.Check(inv))...)
	}
	if len(problems) > 0 && !g.JSON {
		if err := diag.Write(g.Err, problems.Sorted(), diag.Style{Color: g.Color(), Width: g.Width}); err != nil {
			return nil, err
		}
	}
	if problems.HasErrors() {
		if g.JSON {
			return nil, problems.Err()
		}
		return nil, Exit(ExitError)
	}
	return inv, nil
}

// Paths are the inventory's files: those of -i and the verb's argument.
func (g *Global) Paths(args []string) []string {
	return slices.Concat(g.Inventory, args)
}

func SplitVars(list []string) (map[string]string, error) {
	vars := map[string]string{}
	for _, entry := range list {
		name, value, ok := strings.Cut(entry, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("cannot read --var %q: write NAME=VALUE", entry)
		}
		vars[name] = value
	}
	return vars, nil
}

// LabName is the lab that the run is about, "" for the real hosts.
func (g *Global) LabName(inv *inventory.Inventory) string {
	if g.Lab == LabOfCluster {
		return inv.Cluster.Name
	}
	return g.Lab
}

// Operate opens an operator over the inventory's hosts. Close it.
func (g *Global) Operate(inv *inventory.Inventory, sink event.Sink, tune ...func(*provision.Options)) (*provision.Operator, error) {
	artifacts, err := openStore()
	if err != nil {
		return nil, err
	}
	settings, err := g.Settings(inv)
	if err != nil {
		return nil, err
	}
	connector, err := remote.Open(settings)
	if err != nil {
		return nil, err
	}
	options := provision.Options{
		Inventory: inv, Store: artifacts, Connector: connector,
		Components: components.All(), Addons: addonlist.All(), ClusterKinds: clusterkinds.All(),
		Lab: g.LabName(inv), Holder: holder(), Sink: sink, Now: time.Now,
		Operation: provision.Operation{Verb: g.Verb, From: loggedInFrom(g.Env), Version: Version()},
	}
	for _, t := range tune {
		t(&options)
	}
	return provision.New(options), nil
}

// LookAt opens an operator that changes nothing, for hosts of the inventory.
// Close it.
func (g *Global) LookAt(ctx context.Context, hosts []string) (*provision.Operator, error) {
	inv, err := g.Load(ctx, nil)
	if err != nil {
		return nil, err
	}
	if err := KnownHosts(inv, hosts); err != nil {
		return nil, err
	}
	return g.Operate(inv, g.Waits)
}

// Waits is for verbs that only look: it says for which hosts they wait.
func (g *Global) Waits(e event.Event) {
	if e.Type == event.Note {
		fmt.Fprintln(g.Err, report.Line(e.Text))
	}
}

func openStore() (*storeView, error) {
	opened, err := store.Open(store.Options{})
	if err != nil {
		return nil, err
	}
	return &storeView{opened}, nil
}

// Settings say how to reach the inventory's hosts, or those of the lab.
func (g *Global) Settings(inv *inventory.Inventory) (remote.Settings, error) {
	s := remote.Settings{Inventory: inv, Lookup: g.Env, Ask: g.prompt()}
	name := g.LabName(inv)
	if name == "" {
		return s, nil
	}
	opened, err := lab.Open(name)
	if err != nil {
		return s, err
	}
	s.Lab = &remote.Lab{Name: name, Dial: opened.Dial, Key: opened.SSHFiles().Key, Hosts: map[string]remote.LabHost{}}
	for _, h := range opened.Hosts() {
		s.Lab.Hosts[h.Name] = remote.LabHost{Address: h.Address.String(), Port: h.Port, User: h.User, HostKey: h.HostKey, Replaced: h.Replaced}
	}
	return s, nil
}

// DialOut opens connections to what is beside the hosts: in the lab's network,
// nil for the machine's.
func (g *Global) DialOut(inv *inventory.Inventory) (func(ctx context.Context, network, address string) (net.Conn, error), error) {
	settings, err := g.Settings(inv)
	if err != nil || settings.Lab == nil {
		return nil, err
	}
	return settings.Lab.Dial, nil
}

// holder names this operator to others.
func holder() string {
	name, machine := "unknown", "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		machine = h
	}
	return fmt.Sprintf("%s@%s (process %d)", name, machine, os.Getpid())
}

// loggedInFrom is the address from which the operator is logged in here, "" for
// whoever sits at this machine.
func loggedInFrom(env func(string) (string, bool)) string {
	connection, _ := env("SSH_CONNECTION") // client address, its port, ours, our port
	address, _, _ := strings.Cut(connection, " ")
	if _, err := netip.ParseAddr(address); err != nil {
		return ""
	}
	return address
}

// prompt asks on the terminal without echo; nil when there is none.
func (g *Global) prompt() remote.Ask {
	if !g.Ask {
		return nil
	}
	return func(ctx context.Context, where, question string) (secret.Value, error) {
		answer, err := hidden(ctx, os.Stdin, func() {
			fmt.Fprintf(g.Err, "%s: %s ", report.Line(where), report.Clean(question)) // a server may word the question
		})
		fmt.Fprintln(g.Err)
		if err != nil {
			return secret.Value{}, fmt.Errorf("reading the answer: %w", err)
		}
		return secret.Of(answer), nil
	}
}

// InventoryArgs lets a verb take the inventory as its only argument.
func InventoryArgs(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return fmt.Errorf("give one inventory, not %d arguments; for several files: -i FILE -i FILE", len(args))
	}
	return nil
}
