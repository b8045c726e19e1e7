package main

import (
	"context"
	"fmt"
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

// load reads the inventory.
func (g *global) load(ctx context.Context, args []string) (*inventory.Inventory, error) {
	vars, err := splitVars(g.vars)
	if err != nil {
		return nil, err
	}
	inv, problems := inventory.Load(ctx, inventory.Options{Parts: parts.All(), Paths: g.paths(args), Vars: vars, VarFiles: g.varFiles, Env: g.env})
	return g.checked(inv, problems)
}

// checked tells what is wrong with an inventory, and fails if anything is.
func (g *global) checked(inv *inventory.Inventory, problems diag.List) (*inventory.Inventory, error) {
	if !problems.HasErrors() && inv != nil {
		problems = append(problems, diag.FromHCL(ownimages.Check(inv))...)
	}
	if len(problems) > 0 && !g.json {
		if err := diag.Write(g.err, problems.Sorted(), diag.Style{Color: g.color(), Width: g.width}); err != nil {
			return nil, err
		}
	}
	if problems.HasErrors() {
		if g.json {
			return nil, problems.Err()
		}
		return nil, exit(exitError)
	}
	return inv, nil
}

// paths are the inventory's files: those of -i and the verb's argument.
func (g *global) paths(args []string) []string {
	return slices.Concat(g.inventory, args)
}

func splitVars(list []string) (map[string]string, error) {
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

// labName is the lab that the run is about, "" for the real hosts.
func (g *global) labName(inv *inventory.Inventory) string {
	if g.lab == labOfCluster {
		return inv.Cluster.Name
	}
	return g.lab
}

// operate opens an operator over the inventory's hosts. Close it.
func (g *global) operate(inv *inventory.Inventory, sink event.Sink, tune ...func(*provision.Options)) (*provision.Operator, error) {
	artifacts, err := openStore()
	if err != nil {
		return nil, err
	}
	settings, err := g.settings(inv)
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
		Lab: g.labName(inv), Holder: holder(), Sink: sink, Now: time.Now,
		Operation: provision.Operation{Verb: g.verb, From: loggedInFrom(g.env), Version: version()},
	}
	for _, t := range tune {
		t(&options)
	}
	return provision.New(options), nil
}

// lookAt opens an operator that changes nothing, for hosts of the inventory.
// Close it.
func (g *global) lookAt(ctx context.Context, hosts []string) (*provision.Operator, error) {
	inv, err := g.load(ctx, nil)
	if err != nil {
		return nil, err
	}
	if err := knownHosts(inv, hosts); err != nil {
		return nil, err
	}
	return g.operate(inv, g.waits)
}

// waits is for verbs that only look: it says for which hosts they wait.
func (g *global) waits(e event.Event) {
	if e.Type == event.Note {
		fmt.Fprintln(g.err, report.Line(e.Text))
	}
}

func openStore() (*storeView, error) {
	opened, err := store.Open(store.Options{})
	if err != nil {
		return nil, err
	}
	return &storeView{opened}, nil
}

// settings say how to reach the inventory's hosts, or those of the lab.
func (g *global) settings(inv *inventory.Inventory) (remote.Settings, error) {
	s := remote.Settings{Inventory: inv, Lookup: g.env, Ask: g.prompt()}
	name := g.labName(inv)
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
func (g *global) prompt() remote.Ask {
	if !g.ask {
		return nil
	}
	return func(ctx context.Context, where, question string) (secret.Value, error) {
		answer, err := hidden(ctx, os.Stdin, func() {
			fmt.Fprintf(g.err, "%s: %s ", report.Line(where), report.Clean(question)) // a server may word the question
		})
		fmt.Fprintln(g.err)
		if err != nil {
			return secret.Value{}, fmt.Errorf("reading the answer: %w", err)
		}
		return secret.Of(answer), nil
	}
}

// inventoryArgs lets a verb take the inventory as its only argument.
func inventoryArgs(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return fmt.Errorf("give one inventory, not %d arguments; for several files: -i FILE -i FILE", len(args))
	}
	return nil
}
