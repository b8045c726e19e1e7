package coredns

import (
	"embed"
	"fmt"
	"io/fs"
	"net/netip"

	"github.com/hashicorp/hcl/v2"

	"provision/addons"
	"provision/addons/release"
	"provision/provision/component"
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
	Enabled  bool
	Replicas int // 0: two, or one when there is one host
	// Upstream servers answer for names outside the cluster. None: such names
	// do not exist, at once.
	Upstream []string
	// CacheSeconds bounds how long answers are kept.
	CacheSeconds int
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

// block is the HCL of the settings.
type block struct {
	Enabled  *bool    `hcl:"enabled,optional"`
	Replicas *int     `hcl:"replicas,optional"`
	Upstream []string `hcl:"upstream_servers,optional"`
	Cache    *int     `hcl:"cache_seconds,optional"`
}

// Decode implements addons.Addon.
func (Addon) Decode(body hcl.Body, eval *hcl.EvalContext) (addons.Config, hcl.Diagnostics) {
	var given block
	diagnostics := addons.DecodeBody(body, eval, &given)
	config := Config{Enabled: true, Upstream: given.Upstream, CacheSeconds: 30}
	if given.Enabled != nil {
		config.Enabled = *given.Enabled
	}
	bad := func(summary, detail string) {
		at := body.MissingItemRange()
		diagnostics = append(diagnostics, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: &at})
	}
	if given.Replicas != nil {
		config.Replicas = *given.Replicas
		if config.Replicas < 1 {
			bad("Too few replicas", "replicas of coredns must be 1 or more; leave it out for the default, or set enabled = false.")
		}
	}
	if given.Cache != nil {
		config.CacheSeconds = *given.Cache
		if config.CacheSeconds < 0 || config.CacheSeconds > 3600 {
			bad("Bad cache time", "cache_seconds of coredns must be from 0 (off) to 3600.")
		}
	}
	for _, server := range config.Upstream {
		if !validUpstream(server) {
			bad("Bad upstream server", fmt.Sprintf("%q in upstream_servers is neither an IP address, ADDRESS:PORT, nor /etc/resolv.conf.", server))
		}
	}
	return config, diagnostics
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
func (Addon) Releases(cluster *component.Cluster, config addons.Config) ([]release.Release, error) {
	settings, ok := config.(Config)
	if !ok {
		return nil, fmt.Errorf("settings of coredns have type %T", config)
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
		Name: Name, Namespace: "kube-system", CreateNamespace: true, Chart: chart,
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
