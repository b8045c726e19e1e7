package kubeproxy

import (
	"fmt"
	"strings"

	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/component/ossettings"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/cert"
	"provision/provision/resource/kmod"
	"provision/provision/resource/pkg"
	"provision/provision/resource/residue"
	"provision/provision/resource/sysctl"
)

const (
	// Unit is kube-proxy's service.
	Unit = "kube-proxy.service"

	user       = "system:kube-proxy"
	configFile = component.ConfigDir + "/kube-proxy.yaml"
)

// New returns the component.
func New() component.Component { return proxy{} }

type proxy struct{}

func (proxy) Name() string { return "kube-proxy" }

func (proxy) Runs(_ *component.Cluster, host inventory.Host) bool { return host.Joins() }

func (p proxy) Desired(cluster *component.Cluster, host inventory.Host) ([]resource.Resource, error) {
	s := component.NewSet(cluster, host, p.Name())
	// It goes host by host with the kubelet, so that one that does not work is
	// seen on the first Node, and without pods.
	s.Draining(s.Binary("kube-proxy", Unit))
	s.From(s.File(configFile, config(cluster.Inventory, host), 0o644, Unit), "network")
	s.Add(residue.New(host.Name, p.Name(), residue.Spec{Tables: []string{"ip kube-proxy", "ip6 kube-proxy"}}).
		After(ossettings.Needed(s, pkg.Kind)...)) // the program that drops tables goes later
	needed := s.Client("kube-proxy", component.BalancerURL, cert.Spec{CommonName: user}, Unit)
	// It asks for its own Node at start and would wait in growing steps.
	needed = append(needed, component.NodeAt(host.Name))
	needed = append(needed, ossettings.Needed(s, pkg.Kind, kmod.Kind, sysctl.Kind)...)
	s.InWaves(s.Service(Unit, unitFile, needed...))
	return s.Done()
}

func (p proxy) Artifacts(cluster *component.Cluster) []bundle.Ref {
	return component.Refs(cluster, p, "kube-proxy")
}

// Clients implements component.APIClient.
func (proxy) Clients() []component.Client { return []component.Client{{Unit: Unit, User: user}} }

func (proxy) Rollout() component.Rollout { return component.Parallel }

func (proxy) Tier() component.Tier { return component.TierNodes }

func (proxy) Gate() component.Gate {
	return component.Gate{Live: []component.Live{{Unit: Unit, URL: "http://" + component.Loopback(healthPort) + "/healthz"}}}
}

func config(inv *inventory.Inventory, host inventory.Host) string {
	mode := inv.Network.ProxyMode
	if mode == "" {
		mode = "nftables"
	}
	return fmt.Sprintf(`apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection:
  kubeconfig: %s/kube-proxy.conf
hostnameOverride: %s
mode: %s
clusterCIDR: %s
healthzBindAddress: %s
metricsBindAddress: %s
%s`, component.ConfigDir, host.Name, mode, inv.Network.Pods,
		component.Loopback(healthPort), component.Loopback(metricsPort), conntrack(inv))
}

// conntrack leaves out what the inventory leaves out: then kube-proxy's own
// defaults hold.
func conntrack(inv *inventory.Inventory) string {
	network := inv.Network
	var text strings.Builder
	if network.ProxyMode == "iptables" && len(inv.With(inventory.RoleGateway)) > 0 {
		// A gateway sees one half of a connection; its rules would drop that as
		// invalid. Those of nftables have no such rule.
		text.WriteString("  tcpBeLiberal: true\n")
	}
	if value := network.ProxyConntrackMaxPerCore; value != nil {
		fmt.Fprintf(&text, "  maxPerCore: %d\n", *value)
	}
	if value := network.ProxyConntrackMin; value != nil {
		fmt.Fprintf(&text, "  min: %d\n", *value)
	}
	if text.Len() == 0 {
		return ""
	}
	return "conntrack:\n" + text.String()
}

const unitFile = `[Unit]
Description=Kubernetes service proxy
Documentation=https://kubernetes.io/docs
After=network-online.target haproxy.service
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
ExecStart=/usr/local/bin/kube-proxy --config=/etc/kubernetes/kube-proxy.yaml
Restart=always
RestartSec=1
LimitNOFILE=1048576
OOMScoreAdjust=-500

[Install]
WantedBy=multi-user.target
`
