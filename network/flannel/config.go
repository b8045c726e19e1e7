package flannel

import (
	"encoding/json"
	"fmt"
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

const (
	defaultVNI  = 1
	defaultPort = 8472
	defaultMTU  = 1500
)

// Settings are the attributes of the inventory's plugin "flannel" block.
type Settings struct {
	Backend string `hcl:"backend,optional"` // vxlan (default) or host-gw
	Port    int    `hcl:"port,optional"`    // UDP port of VXLAN, 8472
	VNI     int    `hcl:"vni,optional"`     // VXLAN network identifier, 1
	// MTU is that of the network between the hosts; that of the host's
	// interface by default.
	MTU int `hcl:"mtu,optional"`
	// DirectRouting uses plain routes to hosts of the same subnet.
	DirectRouting bool `hcl:"direct_routing,optional"`
}

// Decode reads the plugin block's body; a nil body means the defaults.
func Decode(body hcl.Body) (Settings, hcl.Diagnostics) {
	var s Settings
	if body != nil {
		if diags := gohcl.DecodeBody(body, nil, &s); diags.HasErrors() {
			return s, diags
		}
	}
	if s.Backend == "" {
		s.Backend = VXLAN
	}
	if s.Port == 0 {
		s.Port = defaultPort
	}
	if s.VNI == 0 {
		s.VNI = defaultVNI
	}
	return s, s.check(body)
}

func (s Settings) check(body hcl.Body) hcl.Diagnostics {
	var diags hcl.Diagnostics
	bad := func(summary, detail string) {
		diag := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail}
		if body != nil {
			subject := body.MissingItemRange()
			diag.Subject = &subject
		}
		diags = append(diags, diag)
	}
	if s.Backend != VXLAN && s.Backend != HostGW {
		bad("Unknown flannel backend", fmt.Sprintf("backend is %q; write %q or %q.", s.Backend, VXLAN, HostGW))
	}
	if s.Port < 1 || s.Port > 65535 {
		bad("Bad VXLAN port", fmt.Sprintf("port is %d; write a number from 1 to 65535.", s.Port))
	}
	if s.VNI < 1 || s.VNI > 1<<24-1 {
		bad("Bad VXLAN identifier", fmt.Sprintf("vni is %d; write a number from 1 to 16777215.", s.VNI))
	}
	if s.MTU != 0 && (s.MTU < 576 || s.MTU > 65535) {
		bad("Bad MTU", fmt.Sprintf("mtu is %d; write the MTU of the network between the hosts, from 576 to 65535.", s.MTU))
	}
	return diags
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
