package outside

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"

	"provision/network/routes"
	"provision/provision/diag"
	"provision/provision/inventory"
)

// Settings are the outside_routes blocks, in the inventory's order.
type Settings []Routes

// Routes are those of some hosts.
type Routes struct {
	Name  string
	Hosts []string
	// Via is routes.ViaNodes, routes.ViaGateways or an address.
	Via string

	at, hostsAt, viaAt hcl.Range
}

type blocks struct {
	Routes []block `hcl:"outside_routes,block" doc:"Routes to pods on hosts outside the cluster, which a program there holds."`
}

type block struct {
	Name  string   `hcl:"name,label"`
	Hosts []string `hcl:"hosts" doc:"Hosts with the role outside; ranges as in names of hosts."`
	Via   string   `hcl:"via,optional" default:"\"nodes\"" doc:"How packets get to a Node's pods: nodes, through the Node itself; gateways, through any host with the role gateway that answers; or the address of a router."`
	Body  hcl.Body `hcl:",body"`
}

// Roles implements inventory.RoleUser.
func (outside) Roles() []inventory.Role {
	return []inventory.Role{inventory.RoleOutside, inventory.RoleGateway}
}

// Blocks implements inventory.Configured.
func (outside) Blocks() any { return blocks{} }

// Decode implements inventory.Configured.
func (outside) Decode(body hcl.Body) (any, hcl.Diagnostics) {
	var given blocks
	problems := gohcl.DecodeBody(body, nil, &given)
	var list Settings
	for _, b := range given.Routes {
		r := Routes{Name: b.Name, Via: b.Via, at: b.Body.MissingItemRange(), hostsAt: inventory.At(b.Body, "hosts"), viaAt: inventory.At(b.Body, "via")}
		for _, pattern := range b.Hosts {
			names, err := inventory.Names(pattern)
			if err != nil {
				problems = append(problems, problem(r.hostsAt, "Invalid range", fmt.Sprintf("%s.", err)))
			}
			r.Hosts = append(r.Hosts, names...)
		}
		if _, err := netip.ParseAddr(r.Via); err != nil && r.Via != routes.ViaNodes && r.Via != routes.ViaGateways {
			problems = append(problems, problem(r.viaAt, "Invalid way to pods", fmt.Sprintf("%q is not %q, %q or the address of a router.", r.Via, routes.ViaNodes, routes.ViaGateways)))
		}
		list = append(list, r)
	}
	return list, problems
}

func problem(at hcl.Range, summary, detail string) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: &at}
}

func settings(inv *inventory.Inventory) Settings {
	return inventory.Settings[Settings](inv, outside{})
}

// of finds the routes of a host.
func (s Settings) of(host string) (Routes, bool) {
	for _, r := range s {
		if slices.Contains(r.Hosts, host) {
			return r, true
		}
	}
	return Routes{}, false
}

// uses reports whether some hosts come by gateways.
func (s Settings) uses(via string) bool {
	return slices.ContainsFunc(s, func(r Routes) bool { return r.Via == via })
}

// Judge implements inventory.Judge.
func (outside) Judge(inv *inventory.Inventory) diag.List {
	var list diag.List
	all, routed := settings(inv), map[string]Routes{}
	for i, r := range all {
		if first := slices.IndexFunc(all[:i], func(o Routes) bool { return o.Name == r.Name }); first >= 0 {
			list = append(list, diag.Errorf(r.at, "Two blocks of one name", "outside_routes %q is given twice; merge the two.", r.Name).And("the first is", all[first].at))
		}
		for _, name := range r.Hosts {
			list = append(list, r.judgeHost(inv, name, routed)...)
		}
		list = append(list, r.judgeVia(inv)...)
	}
	for _, h := range inv.Hosts {
		if _, ok := routed[h.Name]; h.Has(inventory.RoleOutside) && !ok {
			list = append(list, diag.Warningf(h.Range, "A host outside without routes", "Nothing is to be done on %q; name it in the hosts of an outside_routes block.", h.Name))
		}
		if h.Has(inventory.RoleGateway) && !h.Joins() {
			list = append(list, diag.Errorf(h.Range, "A gateway that is no Node", "%q has the role \"gateway\" and does not reach pods; add \"node\" to its roles.", h.Name))
		}
	}
	return list
}

func (r Routes) judgeHost(inv *inventory.Inventory, name string, routed map[string]Routes) diag.List {
	h, ok := inv.Host(name)
	switch before, twice := routed[name]; {
	case !ok:
		return diag.List{diag.Errorf(r.hostsAt, "No such host", "outside_routes %q names %q, which is no host of this inventory; add a host block with roles = [\"outside\"].", r.Name, name)}
	case !h.Has(inventory.RoleOutside):
		return diag.List{diag.Errorf(r.hostsAt, "A host that is not outside", "%q has no role \"outside\"; hosts of the cluster have routes to pods by its network.", name).And("the host is", h.Range)}
	case twice:
		return diag.List{diag.Errorf(r.hostsAt, "A host with two sets of routes", "%q is named twice; one outside_routes block says all of its routes.", name).And("the other is", before.hostsAt)}
	}
	routed[name] = r
	return nil
}

func (r Routes) judgeVia(inv *inventory.Inventory) diag.List {
	address, err := netip.ParseAddr(r.Via)
	switch {
	case r.Via == routes.ViaGateways && len(inv.With(inventory.RoleGateway)) == 0:
		return diag.List{diag.Errorf(r.viaAt, "No gateways", "outside_routes %q goes through gateways and no host has that role; add \"gateway\" to the roles of Nodes.", r.Name)}
	case err != nil:
		return nil
	case inv.Network.Pods.Contains(address) || inv.Network.Services.Contains(address):
		return diag.List{diag.Errorf(r.viaAt, "A router inside the cluster's networks", "%s lies in pods %s or services %s; give the address of a router that hosts reach.", address, inv.Network.Pods, inv.Network.Services)}
	case inv.Network.Pods.IsValid() && address.Is4() != inv.Network.Pods.Addr().Is4():
		return diag.List{diag.Errorf(r.viaAt, "A router of another family", "%s does not lead to pods %s; give an address of the same family.", address, inv.Network.Pods)}
	}
	return nil
}
