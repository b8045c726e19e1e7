package interview

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"provision/provision/diag"
	"provision/provision/inventory"
)

// Login is how the operator reaches the hosts.
type Login struct {
	User         string
	Port         int
	IdentityFile string // "" for ssh-agent and the keys of ~/.ssh
	Bastion      string // [user@]host[:port], "" for none
	NoSudo       bool   // the user is not root, and sudo is not to be used
}

// Draft is an inventory that is being made.
type Draft struct {
	Name           string
	Environment    string // "test", "prod", or ""
	Login          Login
	Pods, Services netip.Prefix // zero: the defaults
	Hosts          []Host
	// SharedKernel: the hosts are containers of a lab, on this machine's kernel.
	SharedKernel bool
}

// Inventory reads the draft as any inventory is read. An error says what is
// wrong with it.
func (d Draft) Inventory(ctx context.Context) (*inventory.Inventory, error) {
	inv, problems := inventory.Parse(ctx, map[string][]byte{"inventory.hcl": Render(d)},
		inventory.Options{Env: func(string) (string, bool) { return "", false }})
	if !problems.HasErrors() {
		return inv, nil
	}
	var list []error
	for _, p := range problems {
		if p.Severity == diag.Error {
			list = append(list, errors.New(p.Summary+": "+p.Detail))
		}
	}
	return nil, errors.Join(list...)
}

// Check compares what was rendered with what was meant, after all else.
func (d Draft) Check(ctx context.Context) error {
	inv, err := d.Inventory(ctx)
	if err != nil {
		return fmt.Errorf("cannot write an inventory of these answers: %w", err)
	}
	if len(inv.Hosts) != len(d.Hosts) || inv.Cluster.Name != d.Name {
		return fmt.Errorf("cannot write an inventory of these answers: it would have %d hosts, not %d", len(inv.Hosts), len(d.Hosts))
	}
	for _, h := range d.Hosts {
		got, ok := inv.Host(h.Name)
		if !ok || got.Address != h.Address || got.Has(inventory.RoleMaster) != h.Master || got.Has(inventory.RoleNode) != h.Node || got.Has(inventory.RoleEtcd) != h.Etcd {
			return fmt.Errorf("cannot write an inventory of these answers: %s would not be what was meant", h.Name)
		}
	}
	if d.Pods.IsValid() && d.Services.IsValid() {
		return checkNetworks(d.Pods, d.Services, networks(d.Hosts))
	}
	return nil
}

// probeable is the draft as an inventory for tests of SSH: hosts are named after
// their addresses and have every role.
func (d Draft) probeable() Draft {
	d.Pods, d.Services = netip.Prefix{}, netip.Prefix{}
	hosts := make([]Host, 0, len(d.Hosts))
	for _, h := range d.Hosts {
		hosts = append(hosts, Host{Address: h.Address, Name: probeName(h.Address), Etcd: true, Master: true, Node: true})
	}
	if len(hosts) == 0 { // a place that only documents use
		hosts = []Host{{Address: netip.MustParseAddr("192.0.2.1"), Name: "example", Etcd: true, Master: true, Node: true}}
	}
	d.Hosts = hosts
	d.Pods, d.Services = apart(podNetworks, networks(hosts)), netip.Prefix{}
	d.Services = apart(serviceNetworks, networks(hosts), d.Pods)
	return d
}

func probeName(a netip.Addr) string {
	return "host-" + strings.NewReplacer(".", "-", ":", "-").Replace(a.StringExpanded())
}

// try says what is wrong with a draft whose hosts are not known yet.
func (d Draft) try(ctx context.Context) error {
	if d.Name == "" {
		d.Name = "example"
	}
	_, err := d.probeable().Inventory(ctx)
	return err
}
