package coredns

import (
	"embed"
	"fmt"
	"io/fs"
	"net/netip"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"

	"provision/addons"
	"provision/addons/release"
	"provision/provision/component"
	"provision/provision/inventory"
	"provision/provision/resource/node"
)

// Name of the add-on and of its release.
const Name = "coredns"

// Repository of the image; the bundle builds or pulls it under this name.
const Repository = "registry.k8s.io/coredns/coredns"

//go:embed all:chart
var embedded embed.FS

// Config are the settings of the block.
type Config struct {
	Enabled      bool     `hcl:"enabled,optional" default:"true" doc:"false leaves it out."`
	Replicas     int      `hcl:"replicas,optional" kind:"1..1000" doc:"Pods; two when not given, or one when there is one host."`
	Upstream     []string `hcl:"upstream_servers,optional" doc:"Servers that answer for names outside the cluster: ADDRESS, ADDRESS:PORT or /etc/resolv.conf. None: such names do not exist, at once."`
	CacheSeconds int      `hcl:"cache_seconds,optional" kind:"0..3600" default:"30" doc:"How long answers are kept; 0 turns the cache off."`
}

// Addon implements addons.Addon.
type Addon struct{}

var _ addons.Addon = Addon{}

// Name implements addons.Addon.
func (Addon) Name() string { return Name }

// Requires implements addons.Addon.
func (Addon) Requires() []string { return nil }

// Default implements addons.Addon: pods need DNS.
func (Addon) Default() bool { return true }

// Several implements addons.Addon: the cluster's DNS has one address.
func (Addon) Several() bool { return false }

// Block implements addons.Addon.
func (Addon) Block() any { return Config{} }

// Decode implements addons.Addon.
func (Addon) Decode(body hcl.Body) (any, hcl.Diagnostics) {
	var config Config
	problems := gohcl.DecodeBody(body, nil, &config)
	for _, server := range config.Upstream {
		if !validUpstream(server) {
			at := inventory.At(body, "upstream_servers")
			problems = append(problems, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Bad upstream server",
				Detail: fmt.Sprintf("%q in upstream_servers is neither an IP address, ADDRESS:PORT, nor /etc/resolv.conf.", server), Subject: &at})
		}
	}
	return config, problems
}

// validUpstream takes what CoreDNS's forward plug-in takes, without names:
// resolving them would need the DNS that is being set up.
func validUpstream(server string) bool {
	if server == "/etc/resolv.conf" {
		return true
	}
	if _, err := netip.ParseAddr(server); err == nil {
		return true
	}
	_, err := netip.ParseAddrPort(server)
	return err == nil
}

// Releases implements addons.Addon.
func (Addon) Releases(cluster *component.Cluster, instance inventory.Addon) ([]release.Release, error) {
	settings, ok := instance.Config.(Config)
	if !ok {
		return nil, fmt.Errorf("settings of coredns have type %T", instance.Config)
	}
	if !settings.Enabled {
		return nil, nil
	}
	folder, err := fs.Sub(embedded, "chart")
	if err != nil {
		return nil, fmt.Errorf("opening the chart of coredns: %w", err)
	}
	chart, err := release.Files(folder)
	if err != nil {
		return nil, err
	}
	version, err := cluster.Inventory.Version("image-coredns")
	if err != nil {
		return nil, err
	}
	return []release.Release{{
		Name: instance.Release(), Namespace: "kube-system", CreateNamespace: true, Chart: chart,
		Values: values(cluster, settings, version),
		Images: []component.Image{{Name: "image-coredns", Version: version, Pods: pods()}},
	}}, nil
}

// pods is where the chart lets them run: on any host, masters included.
func pods() component.Pods {
	return component.Pods{
		Selector:    map[string]string{"kubernetes.io/os": "linux"},
		Tolerations: []component.Toleration{{Key: node.ControlPlane, Effect: "NoSchedule"}, {Key: "CriticalAddonsOnly"}},
	}
}

func values(cluster *component.Cluster, settings Config, version string) map[string]any {
	network := cluster.Inventory.Network
	upstream := make([]any, len(settings.Upstream))
	for i, server := range settings.Upstream {
		upstream[i] = server
	}
	return map[string]any{
		"image":        Repository + ":v" + version,
		"replicas":     replicas(cluster, settings),
		"clusterIP":    network.DNSAddress.String(),
		"domain":       network.DNSDomain,
		"upstream":     upstream,
		"cacheSeconds": settings.CacheSeconds,
	}
}

func replicas(cluster *component.Cluster, settings Config) int {
	if settings.Replicas > 0 {
		return settings.Replicas
	}
	joined := 0
	for _, host := range cluster.Inventory.Hosts {
		if host.Joins() {
			joined++
		}
	}
	return max(1, min(2, joined))
}
