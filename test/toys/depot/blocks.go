package depot

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"

	"provision/provision/diag"
	"provision/provision/inventory"
)

// Role is that of hosts with a depot.
const Role inventory.Role = "depot"

// Blocks are what depot owns of an inventory.
type Blocks struct {
	Depot *struct {
		Port     int `hcl:"port,optional" kind:"port" default:"7900" doc:"Where depots answer."`
		KeepFree int `hcl:"keep_free,optional" kind:"0..100" default:"10" doc:"Percent of its disk that a depot leaves free."`
	} `hcl:"depot,block" doc:"The depots, on the hosts with role depot."`
	Hosts []host `hcl:"host,block"`
	Etcd  *struct {
		Depot *struct {
			Snapshots int `hcl:"snapshots" kind:"1..100" doc:"How many are kept."`
		} `hcl:"depot,block" doc:"Snapshots of etcd in the depots."`
	} `hcl:"etcd,block"`
}

type host struct {
	Name  string `hcl:"name,label"`
	Depot *struct {
		Disk string `hcl:"disk" kind:"absolute path" doc:"Folder of the blobs."`
	} `hcl:"depot,block" doc:"The depot of this host."`
}

// Blocks implements inventory.Configured.
func (depot) Blocks() any { return Blocks{} }

// Decode implements inventory.Configured.
func (depot) Decode(body hcl.Body) (any, hcl.Diagnostics) {
	var given Blocks
	problems := gohcl.DecodeBody(body, nil, &given)
	return given, problems
}

// Roles implements inventory.RoleUser.
func (depot) Roles() []inventory.Role { return []inventory.Role{Role} }

// Judge implements inventory.Judge: a depot needs a disk, and a disk a depot.
func (d depot) Judge(inv *inventory.Inventory) diag.List {
	var problems diag.List
	given := settings(inv)
	for _, h := range inv.Hosts {
		switch disk := given.disk(h.Name); {
		case h.Has(Role) && disk == "":
			problems = append(problems, diag.Errorf(h.Range, "A depot without a disk", "Host %s has the role depot and no depot block; add depot { disk = \"/srv/depot\" }.", h.Name))
		case !h.Has(Role) && disk != "":
			problems = append(problems, diag.Errorf(h.Range, "A disk without a depot", "Host %s has a depot block and not the role; add \"depot\" to its roles.", h.Name))
		}
		if h.Has(Role) && given.Depot == nil {
			problems = append(problems, diag.Errorf(h.Range, "No depot block", "Host %s has the role depot; say how depots work: depot {}.", h.Name))
		}
	}
	return problems
}

func settings(inv *inventory.Inventory) Blocks { return inventory.Settings[Blocks](inv, depot{}) }

// disk is the folder of a host's blobs; "" for none.
func (b Blocks) disk(name string) string {
	for _, h := range b.Hosts {
		if h.Name == name && h.Depot != nil {
			return h.Depot.Disk
		}
	}
	return ""
}

func (b Blocks) config(name string) string {
	snapshots := 0
	if b.Etcd != nil && b.Etcd.Depot != nil {
		snapshots = b.Etcd.Depot.Snapshots
	}
	return fmt.Sprintf("disk %s\nport %d\nkeep-free %d\nsnapshots %d\n", b.disk(name), b.Depot.Port, b.Depot.KeepFree, snapshots)
}
