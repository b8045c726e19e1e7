package controlplane

import (
	"fmt"
	"net/netip"

	"provision/provision/component"
	"provision/provision/resource"
	"provision/provision/resource/identity"
)

// hardened is for programs that only talk to the API.
const hardened = `CapabilityBoundingSet=
NoNewPrivileges=yes
ProtectSystem=full
ProtectHome=yes
PrivateTmp=yes
`

func service(description, kind, start, sandbox string) string {
	return fmt.Sprintf(`[Unit]
Description=%s
Documentation=https://kubernetes.io/docs
After=network-online.target etcd.service
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=%s
ExecStart=%s
Restart=always
RestartSec=1
TimeoutStartSec=180
LimitNOFILE=1048576
OOMScoreAdjust=-500
%s
[Install]
WantedBy=multi-user.target
`, description, kind, start, sandbox)
}

// at is the address of an identity item that another part of the control plane
// put on the host.
func at(s *component.Set, path string) resource.Address {
	return resource.Address{Host: s.Host.Name, Kind: identity.Kind, Name: path}
}

func isAddress(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}
