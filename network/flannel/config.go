package flannel

import (
	"encoding/json"
	"net/netip"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"

	"provision/provision/facts"
	"provision/provision/inventory"
)

// Backends of flannel that provision sets up.
const (
	VXLAN  = "vxlan"
	HostGW = "host-gw"
)

// vxlanOverhead is what VXLAN over IPv4 adds to a packet.
const vxlanOverhead = 50

const defaultMTU = 1500

// Settings are the attributes of the inventory's plugin "flannel" block.
type Settings struct {
	Backend string `hcl:"backend,optional" kind:"vxlan|host-gw|udp" default:"\"vxlan\"" doc:"How packets reach other hosts: wrapped, or by routes, which takes hosts in one subnet. udp is refused."`
	Port    int    `hcl:"port,optional" kind:"port" default:"8472" doc:"UDP port of VXLAN."`
	VNI     int    `hcl:"vni,optional" kind:"1..16777215" default:"1" doc:"VXLAN network identifier."`
	// MTU is 0 for that of the host's interface.
	MTU           int  `hcl:"mtu,optional" kind:"576..65535" doc:"MTU of the network between the hosts; that of the host's interface when not given."`
	DirectRouting bool `hcl:"direct_routing,optional" default:"false" doc:"Plain routes to hosts of the same subnet, VXLAN to others."`
}

// blocks are what flannel owns of an inventory.
type blocks struct {
	Plugin *Settings `hcl:"plugin,block"`
}

// Blocks implements inventory.Configured.
func (flannel) Blocks() any { return blocks{} }

// Decode implements inventory.Configured: Settings, of defaults where another
// plug-in is chosen.
func (flannel) Decode(body hcl.Body) (any, hcl.Diagnostics) {
	given := blocks{}
	problems := gohcl.DecodeBody(body, nil, &given)
	if given.Plugin == nil {
		given.Plugin = &Settings{}
	}
	if given.Plugin.Backend == "udp" {
		at := body.MissingItemRange()
		if content, _, _ := body.PartialContent(&hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "plugin"}}}); content != nil && len(content.Blocks) > 0 {
			at = inventory.At(content.Blocks[0].Body, "backend")
		}
		problems = append(problems, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Invalid backend", Subject: &at,
			Detail: "udp carries each packet through a program, for kernels of former days; use vxlan, or host-gw where all hosts are in one subnet."})
	}
	return *given.Plugin, problems
}

func settings(inv *inventory.Inventory) Settings {
	return inventory.Settings[Settings](inv, flannel{})
}

func netConfig(network inventory.Network, s Settings) string {
	backend := map[string]any{"Type": s.Backend}
	if s.Backend == VXLAN {
		backend["VNI"], backend["Port"] = s.VNI, s.Port
		if s.DirectRouting {
			backend["DirectRouting"] = true
		}
		if s.MTU != 0 {
			backend["MTU"] = s.MTU
		}
	}
	return indented(map[string]any{
		"Network":        network.Pods.String(),
		"EnableNFTables": true,
		"Backend":        backend,
	})
}

// podMTU is what fits into a packet between hosts.
func podMTU(known facts.Host, host inventory.Host, s Settings) int {
	mtu := s.MTU
	if mtu == 0 {
		mtu = defaultMTU
		for _, address := range known.Addresses {
			prefix, err := netip.ParsePrefix(address.CIDR)
			if err == nil && prefix.Addr() == host.Address && address.MTU > 0 {
				mtu = address.MTU
			}
		}
	}
	if s.Backend == VXLAN {
		mtu -= vxlanOverhead
	}
	return mtu
}

// conflist is the CNI configuration. Masquerading is flanneld's.
func conflist(inv *inventory.Inventory, podCIDR netip.Prefix, mtu int) string {
	portmap := map[string]any{
		"type":         "portmap",
		"capabilities": map[string]any{"portMappings": true},
	}
	if inv.Network.ProxyMode == "" || inv.Network.ProxyMode == "nftables" {
		portmap["backend"] = "nftables"
	}
	return indented(map[string]any{
		"cniVersion": "1.0.0",
		"name":       "cbr0",
		"plugins": []any{
			map[string]any{
				"type":             "bridge",
				"bridge":           "cni0",
				"mtu":              mtu,
				"isDefaultGateway": true,
				"ipMasq":           false,
				"hairpinMode":      true,
				"ipam": map[string]any{
					"type":    "host-local",
					"ranges":  []any{[]any{map[string]any{"subnet": podCIDR.String()}}},
					"routes":  []any{map[string]any{"dst": inv.Network.Pods.String()}},
					"dataDir": "/run/cni-ipam",
				},
			},
			portmap,
		},
	})
}

const linkFile = `[Match]
OriginalName=cni0 flannel.*

[Link]
MACAddressPolicy=none
`

const networkFile = `[Match]
Name=cni0 flannel.*

[Link]
Unmanaged=yes
`

func indented(value any) string {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		panic("configuration is not JSON: " + err.Error())
	}
	return string(text) + "\n"
}
