package toynet

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"

	"provision/provision/bundle"
	"provision/provision/bundle/catalogue"
	"provision/provision/component"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/cert"
	"provision/provision/resource/file"
)

const (
	// Name is the plug-in's name in the inventory.
	Name = "toy"
	// Unit is its service.
	Unit = "toynetd.service"
)

// Settings are the attributes of plugin "toy".
type Settings struct {
	Colour string `hcl:"colour,optional" kind:"red|blue" default:"\"red\"" doc:"Colour of the packets."`
	Port   int    `hcl:"port,optional" kind:"port" default:"7800" doc:"UDP port of the packets."`
}

type blocks struct {
	Plugin *Settings `hcl:"plugin,block"`
}

// New returns the component.
func New() component.Component { return toynet{} }

// Row is its program in the bundle's catalogue.
func Row() catalogue.Entry {
	return catalogue.Entry{Name: "toynetd", Format: bundle.Binary, Family: "toynet", Default: "2.0.0",
		Go:       &catalogue.GoSource{Module: "toynet.example/toynet", Version: "v{version}", Package: "toynet.example/toynet/cmd/toynetd"},
		Upstream: &catalogue.Upstream{URL: "https://toynet.example/{version}/toynetd-{arch}", Checksum: "https://toynet.example/{version}/SHA256SUMS"}}
}

type toynet struct{}

func (toynet) Name() string { return Name }

// Blocks implements inventory.Configured.
func (toynet) Blocks() any { return blocks{} }

// Decode implements inventory.Configured.
func (toynet) Decode(body hcl.Body) (any, hcl.Diagnostics) {
	var given blocks
	problems := gohcl.DecodeBody(body, nil, &given)
	if given.Plugin == nil { // another network is chosen
		return Settings{}, problems
	}
	return *given.Plugin, problems
}

func settings(inv *inventory.Inventory) Settings {
	return inventory.Settings[Settings](inv, toynet{})
}

func (toynet) chosen(c *component.Cluster) bool { return c.Inventory.Network.Plugin.Name == Name }

func (t toynet) Runs(c *component.Cluster, h inventory.Host) bool { return t.chosen(c) && h.Joins() }

func (t toynet) Artifacts(c *component.Cluster) []bundle.Ref {
	if !t.chosen(c) {
		return nil
	}
	return component.Refs(c, t, "toynetd")
}

func (toynet) Desired(c *component.Cluster, h inventory.Host) ([]resource.Resource, error) {
	given, s := settings(c.Inventory), component.NewSet(c, h, Name)
	pods, ok := c.PodCIDRs[h.Name]
	if !ok {
		s.Fail(fmt.Errorf("host %s has no pod CIDR", h.Name))
	}
	s.Dir("/etc/toynet", 0o755)
	s.Draining(s.Binary("toynetd", Unit))
	s.From(s.File("/etc/toynet/toynet.conf", fmt.Sprintf("pods %s\nhere %s\ncolour %s\nport %d\n", c.Inventory.Network.Pods, pods, given.Colour, given.Port), 0o644, Unit), "network")
	s.Add(file.First(h.Name, component.CNIDir+"/10-toy.conflist", fmt.Sprintf("{\"cniVersion\": \"1.0.0\", \"name\": \"toy\", \"plugins\": [{\"type\": \"toy\", \"subnet\": %q}]}\n", pods),
		0o644, ".conf", ".conflist", ".json").After(component.DirAt(h.Name, component.CNIDir)).Restarting(component.KubeletUnit).From("network"))
	needed := append(s.Client(Name, component.BalancerURL, cert.Spec{CommonName: "system:toynet"}, Unit), component.NodeAt(h.Name), role.Address())
	s.InWaves(s.Service(Unit, "[Service]\nExecStart="+component.BinDir+"/toynetd /etc/toynet/toynet.conf\n[Install]\nWantedBy=multi-user.target\n", needed...))
	return s.Done()
}

// Clusterwide implements component.Clusterwide.
func (t toynet) Clusterwide(c *component.Cluster) (component.Wide, error) {
	if !t.chosen(c) {
		return component.Wide{}, nil
	}
	return component.Manifested(role)
}

// role is what its service may do in the cluster.
var role = component.Object{Name: "ClusterRole/provision:toynet", YAML: `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "provision:toynet"}
rules:
- {apiGroups: [""], resources: [nodes], verbs: [get, list, watch]}
`}

// Ports implements component.Listener: packets of pods.
func (toynet) Ports(c *component.Cluster, _ inventory.Host) []component.Port {
	return []component.Port{{Number: settings(c.Inventory).Port, UDP: true, Unit: Unit, From: inventory.Host.Joins, Packets: true}}
}

// Clients implements component.APIClient.
func (toynet) Clients() []component.Client {
	return []component.Client{{Unit: Unit, User: "system:toynet"}}
}

// Routes implements component.Router.
func (toynet) Routes() string { return Unit }

func (toynet) Rollout() component.Rollout { return component.Parallel }

func (toynet) Gate() component.Gate { return component.Gate{} }
