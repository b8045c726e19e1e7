package flannel

import (
	"fmt"
	"net/netip"
	"strings"

	"provision/provision/component"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/residue"
)

const (
	keepUnit  = "provision-keep-source.service"
	keepRules = component.ConfigDir + "/keep-source.nft"
	keepTable = "provision-keep-source"
)

// keepSource has packets of pods keep their address towards some networks. A
// translation into itself comes before flanneld's rules, and the kernel
// translates once.
func keepSource(s *component.Set, network inventory.Network, nft []resource.Address) {
	if len(network.KeepSource) == 0 {
		return
	}
	family := "ip"
	if network.Pods.Addr().Is6() {
		family = "ip6"
	}
	s.Add(residue.New(s.Host.Name, keepTable, residue.Spec{Tables: []string{family + " " + keepTable}}).After(nft...))
	rules := s.From(s.File(keepRules, keepText(family, network.Pods, network.KeepSource), 0o644, keepUnit), "network.keep_source")
	s.Service(keepUnit, keepService, append(nft, rules)...)
}

func keepText(family string, pods netip.Prefix, towards []netip.Prefix) string {
	var list []string
	for _, p := range towards {
		list = append(list, p.String())
	}
	return fmt.Sprintf(`# Written by provision; changes are lost.
table %[1]s %[2]s
delete table %[1]s %[2]s
table %[1]s %[2]s {
  chain postrouting {
    type nat hook postrouting priority srcnat - 1; policy accept;
    %[1]s saddr %[3]s %[1]s daddr { %[4]s } snat to %[1]s saddr
  }
}
`, family, keepTable, pods, strings.Join(list, ", "))
}

const keepService = `[Unit]
Description=Addresses that pods keep towards networks outside
After=nftables.service
Before=` + Unit + `

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f ` + keepRules + `

[Install]
WantedBy=multi-user.target
`
