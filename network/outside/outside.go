package outside

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"provision/network/routes"
	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/cert"
	"provision/provision/resource/residue"
	"provision/provision/resource/sysctl"
)

const (
	// Name is the component's.
	Name = "outside"
	// Unit is the service that holds routes.
	Unit = "provision-routes.service"

	program = "provision-routes"
	config  = component.ConfigDir + "/routes.json"
	pair    = component.PKIDir + "/routes"
	state   = "/var/lib/provision-routes"
	role    = "provision:routes"
)

// New returns the component.
func New() component.Component { return outside{} }

var (
	_ inventory.Judge    = outside{}
	_ inventory.RoleUser = outside{}
)

type outside struct{}

func (outside) Name() string { return Name }

// Runs on hosts with routes; and on Nodes, while packets come to them by others.
func (outside) Runs(cluster *component.Cluster, host inventory.Host) bool {
	all := settings(cluster.Inventory)
	_, routed := all.of(host.Name)
	return routed || host.Joins() && all.uses(routes.ViaGateways)
}

func (o outside) Desired(cluster *component.Cluster, host inventory.Host) ([]resource.Resource, error) {
	s := component.NewSet(cluster, host, Name)
	r, routed := settings(cluster.Inventory).of(host.Name)
	if !routed {
		o.forward(s)
		return s.Done()
	}
	if why := r.unfit(cluster, host, s.Facts); why != "" {
		s.Fail(fmt.Errorf("cannot route to pods on host %s: %s (%s:%d)", host.Name, why, r.viaAt.Filename, r.viaAt.Start.Line))
	}
	s.Add(residue.New(host.Name, Name, residue.Spec{Routes: []int{routes.Protocol}, Paths: []string{state}}))
	s.Binary(program, Unit)
	s.Cert(pair, cert.Spec{CA: component.CACluster, CommonName: user(host.Name), Client: true})
	text, err := json.MarshalIndent(o.config(cluster, r), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the configuration of routes of host %s: %w", host.Name, err)
	}
	s.From(s.File(config, string(text)+"\n", 0o600, Unit), "outside_routes."+r.Name)
	s.Service(Unit, unit, component.CAAt(host.Name))
	return s.Done()
}

// forward lets packets in whose answers go another way: straight to the host that
// asked, while they came by a gateway.
func (outside) forward(s *component.Set) {
	want := map[string]string{"net.ipv4.conf.all.rp_filter": "2"}
	if s.Host.Has(inventory.RoleGateway) {
		want["net.ipv4.fib_multipath_hash_policy"] = "1"
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if _, given := s.Cluster.Inventory.OS.Sysctls[key]; !given {
			s.Add(sysctl.New(s.Host.Name, key, want[key]))
		}
	}
}

func (outside) config(cluster *component.Cluster, r Routes) routes.Config {
	c := routes.Config{Pods: cluster.Inventory.Network.Pods, Via: r.Via, CA: component.ClusterCA, Cert: pair + ".crt", Key: pair + ".key", State: state + "/nodes.json"}
	for _, master := range cluster.Inventory.With(inventory.RoleMaster) {
		c.APIs = append(c.APIs, component.APIServer(master))
	}
	if r.Via == routes.ViaGateways {
		for _, gateway := range cluster.Inventory.With(inventory.RoleGateway) {
			c.Gateways = append(c.Gateways, gateway.Name)
		}
	}
	return c
}

// unfit says why routes cannot work on a host whose networks are known.
func (r Routes) unfit(cluster *component.Cluster, host inventory.Host, known facts.Host) string {
	links := linksOf(known)
	if len(links) == 0 {
		return ""
	}
	for _, l := range links {
		if pods := cluster.Inventory.Network.Pods; l.network.Overlaps(pods) {
			return fmt.Sprintf("its link %s is in %s, which overlaps pods %s; renumber one of them", l.name, l.network.Masked(), pods)
		}
	}
	for _, hop := range r.hops(cluster) {
		if !component.OnLink(known, hop.Address) {
			return fmt.Sprintf("%s %s is on no network of its links; set via to a router on one of them", hop.Name, hop.Address)
		}
	}
	return ""
}

type link struct {
	name    string
	network netip.Prefix
}

// linksOf are the networks of a host's links; those of loopback are none.
func linksOf(known facts.Host) []link {
	var list []link
	for _, address := range known.Addresses {
		if p, err := netip.ParsePrefix(address.CIDR); err == nil && !p.Addr().IsLoopback() {
			list = append(list, link{address.Interface, p})
		}
	}
	return list
}

// hops are the next hops of the routes, as far as the inventory tells.
func (r Routes) hops(cluster *component.Cluster) []routes.Node {
	if address, err := netip.ParseAddr(r.Via); err == nil {
		return []routes.Node{{Name: "router", Address: address}}
	}
	var list []routes.Node
	for _, h := range cluster.Inventory.Hosts {
		if h.Joins() && (r.Via == routes.ViaNodes || h.Has(inventory.RoleGateway)) {
			list = append(list, routes.Node{Name: h.Name, Address: h.Address})
		}
	}
	return list
}

func (o outside) Artifacts(cluster *component.Cluster) []bundle.Ref {
	if len(settings(cluster.Inventory)) == 0 {
		return nil
	}
	refs := component.Refs(cluster, o, program)
	archs := map[string]bool{}
	for _, r := range settings(cluster.Inventory) {
		for _, name := range r.Hosts {
			archs[cluster.Facts[name].Arch] = true
		}
	}
	return slices.DeleteFunc(refs, func(ref bundle.Ref) bool { return !archs[ref.Arch] })
}

// Clients implements component.APIClient. Each host is a user of its own.
func (outside) Clients() []component.Client { return []component.Client{{Unit: Unit}} }

func (outside) Rollout() component.Rollout { return component.Parallel }

func (outside) Gate() component.Gate { return component.Gate{} }

func user(host string) string { return role + ":" + host }

// Clusterwide lets the hosts that have routes know Nodes, and do nothing else. A
// host that leaves is not named any more.
func (outside) Clusterwide(cluster *component.Cluster) (component.Wide, error) {
	var users strings.Builder
	for _, h := range cluster.Inventory.Hosts {
		if _, ok := settings(cluster.Inventory).of(h.Name); ok {
			users.WriteString("- apiGroup: rbac.authorization.k8s.io\n  kind: User\n  name: " + user(h.Name) + "\n")
		}
	}
	if users.Len() == 0 {
		return component.Wide{}, nil
	}
	return component.Manifested(component.Object{Name: "ClusterRole/" + role, YAML: `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: ` + role + `
rules:
- apiGroups: [""]
  resources: [nodes]
  verbs: [get, list, watch]
`}, component.Object{Name: "ClusterRoleBinding/" + role, YAML: `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: ` + role + `
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: ` + role + `
subjects:
` + users.String()})
}

// The routes stay in the kernel while the program is stopped or replaced; only
// its removal takes them away. It starts before the network is complete and goes
// on trying: at boot nobody waits for it.
const unit = `[Unit]
Description=Routes to the pods of a Kubernetes cluster
After=network.target
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart=` + component.BinDir + "/" + program + " " + config + `
Restart=always
RestartSec=1
Environment=GOGC=50 GOMEMLIMIT=64MiB
StateDirectory=provision-routes
StateDirectoryMode=0700
UMask=0077
CapabilityBoundingSet=CAP_NET_ADMIN
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service

[Install]
WantedBy=multi-user.target
`
