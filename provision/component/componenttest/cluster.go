package componenttest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"sort"
	"strings"
	"time"

	"provision/network/plan"
	"provision/provision/bundle"
	"provision/provision/bundle/catalogue"
	"provision/provision/component"
	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/provision/resource/node"
)

// UUID is the identity of the clusters made here.
const UUID = "6f0c2a52-7a52-4a0c-9c5e-2f6a55b1c001"

// Lab has three hosts with etcd and master, and two nodes.
func Lab() *component.Cluster {
	return New("lab",
		Host("m1", "10.40.0.11", inventory.RoleEtcd, inventory.RoleMaster),
		Host("m2", "10.40.0.12", inventory.RoleEtcd, inventory.RoleMaster),
		Host("m3", "10.40.0.13", inventory.RoleEtcd, inventory.RoleMaster),
		Host("n1", "10.40.0.21", inventory.RoleNode),
		Host("n2", "10.40.0.22", inventory.RoleNode))
}

// Single is one host with every role.
func Single() *component.Cluster {
	return New("single", Host("all", "10.40.1.11", inventory.RoleEtcd, inventory.RoleMaster, inventory.RoleNode))
}

// Small has one master and two nodes.
func Small() *component.Cluster {
	return New("small",
		Host("m1", "10.40.2.11", inventory.RoleEtcd, inventory.RoleMaster),
		Host("n1", "10.40.2.21", inventory.RoleNode),
		Host("n2", "10.40.2.22", inventory.RoleNode))
}

// Host makes a host; it answers as Debian 12 on amd64.
func Host(name, address string, roles ...inventory.Role) inventory.Host {
	return inventory.Host{Name: name, Address: netip.MustParseAddr(address), Roles: roles}
}

// New makes a cluster of hosts that all answered.
func New(name string, hosts ...inventory.Host) *component.Cluster {
	c := &component.Cluster{
		Inventory: settings(name),
		Facts:     map[string]facts.Host{},
		Identity:  facts.Identity{UUID: UUID, Cluster: name},
		Artifacts: Store{},
		Images: []component.Image{{
			Name: "image-coredns", Version: "1.14.0",
			Pods: component.Pods{Tolerations: []component.Toleration{{Key: node.ControlPlane}}},
		}},
	}
	return With(c, hosts...)
}

// With returns a copy of the cluster with more hosts.
func With(c *component.Cluster, hosts ...inventory.Host) *component.Cluster {
	inv := *c.Inventory
	inv.Hosts = append(append([]inventory.Host(nil), inv.Hosts...), hosts...)
	sort.Slice(inv.Hosts, func(i, j int) bool { return inv.Hosts[i].Name < inv.Hosts[j].Name })
	grown := *c
	grown.Inventory = &inv
	grown.Facts = map[string]facts.Host{}
	var names []string
	for _, h := range inv.Hosts {
		names = append(names, h.Name)
		grown.Facts[h.Name] = known(h)
		if old, ok := c.Facts[h.Name]; ok {
			grown.Facts[h.Name] = old
		}
	}
	var err error
	grown.PodCIDRs, err = plan.Assign(inv.Network.Pods, inv.Network.NodePrefix, names, c.PodCIDRs)
	if err != nil {
		panic(err)
	}
	return &grown
}

func known(h inventory.Host) facts.Host {
	return facts.Host{
		Hostname: h.Name, Arch: "amd64", CPUs: 4, MemoryKiB: 8 << 20, Cgroup: 2, Systemd: 252, Init: "systemd",
		OS:        facts.OS{ID: "debian", Version: "12", Codename: "bookworm", Name: "Debian GNU/Linux 12"},
		Addresses: []facts.Address{{Interface: "eth0", CIDR: h.Address.String() + "/24", MTU: 1500}},
		Resolver:  "/etc/resolv.conf",
	}
}

func settings(name string) *inventory.Inventory {
	return &inventory.Inventory{
		Cluster: inventory.Cluster{Name: name, Versions: Versions()},
		Network: inventory.Network{
			Pods: netip.MustParsePrefix("10.32.0.0/12"), Services: netip.MustParsePrefix("10.96.0.0/16"),
			NodePrefix: 24, DNSDomain: "cluster.local", DNSAddress: netip.MustParseAddr("10.96.0.10"),
			Plugin: inventory.Plugin{Name: "flannel"}, ProxyMode: "nftables",
		},
		Kubernetes: inventory.Kubernetes{CgroupDriver: "systemd"},
		Etcd: inventory.Etcd{
			DataDir: "/var/lib/etcd", HeartbeatInterval: 100 * time.Millisecond, ElectionTimeout: time.Second,
		},
		Time: inventory.Time{Manage: true, Servers: []string{"ntp1.example.org", "ntp2.example.org"}},
		OS:   inventory.OS{Swap: "off", ManageModules: true, ManageSysctls: true, HoldPackages: true},
		PKI:  inventory.PKI{CALife: 10 * 365 * 24 * time.Hour, LeafLife: 365 * 24 * time.Hour},
	}
}

// Versions are the catalogue's own.
func Versions() inventory.Versions {
	out := inventory.Versions{}
	for _, f := range catalogue.Default().Families() {
		if f.Name != inventory.FamilyKubelet {
			out[f.Name] = f.Default
		}
	}
	return out
}

// Store answers for every artifact with a digest of its name.
type Store struct {
	// Missing are names that it does not have.
	Missing []string
}

// Resolve implements bundle.Resolver.
func (s Store) Resolve(ref bundle.Ref) ([]bundle.Artifact, error) {
	for _, name := range s.Missing {
		if name == ref.Name {
			return nil, fmt.Errorf("cannot find %s: it is not in the store; run provision bundle pull", ref)
		}
	}
	if ref.Arch == "" || ref.Version == "" {
		return nil, fmt.Errorf("artifact %s lacks its version or architecture", ref)
	}
	sum := sha256.Sum256([]byte(ref.String()))
	found := bundle.Artifact{Ref: ref, Format: bundle.Binary, SHA256: hex.EncodeToString(sum[:])}
	switch kind, name, _ := strings.Cut(ref.Name, "-"); kind {
	case "image":
		found.Format, found.Image = bundle.OCI, "registry.k8s.io/"+name+":"+ref.Version
		found.Manifest = "sha256:" + found.SHA256
	case "deb":
		found.Format, found.Package, found.PackageVersion = bundle.Deb, name, "1.0-1"
		found.File = name + "_1.0-1_" + ref.Arch + ".deb"
	}
	return []bundle.Artifact{found}, nil
}
