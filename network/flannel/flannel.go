package flannel

import (
	"fmt"
	"strconv"

	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/component/ossettings"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/cert"
	"provision/provision/resource/file"
	"provision/provision/resource/kmod"
	"provision/provision/resource/pkg"
	"provision/provision/resource/residue"
	"provision/provision/resource/sysctl"
)

const (
	// Name is the plugin's name in the inventory.
	Name = "flannel"
	// Unit is its service.
	Unit = "flanneld.service"

	user        = "system:flannel"
	configDir   = "/etc/flannel"
	netConf     = configDir + "/net-conf.json"
	cniConflist = component.CNIDir + "/10-flannel.conflist"
)

// New returns the component.
func New() component.Component { return flannel{} }

var _ inventory.Configured = flannel{}

type flannel struct{}

func (flannel) Name() string { return Name }

// Registers: flanneld tells others its address so, when it starts.
// https://github.com/flannel-io/flannel/blob/master/Documentation/kubernetes.md
func (flannel) Registers() (field, unit string) {
	return "annotations.flannel.alpha.coreos.com/public-ip", Unit
}

func (flannel) Runs(cluster *component.Cluster, host inventory.Host) bool {
	return cluster.Inventory.Network.Plugin.Name == Name && host.Joins()
}

func (f flannel) Desired(cluster *component.Cluster, host inventory.Host) ([]resource.Resource, error) {
	s := component.NewSet(cluster, host, f.Name())
	settings := settings(cluster.Inventory)
	s.Dir(configDir, 0o755)
	// In waves, so that one that does not work cuts off the pods of no second Node.
	s.Draining(s.Binary("flanneld", Unit))
	s.From(s.File(netConf, netConfig(cluster.Inventory.Network, settings), 0o644, Unit), "network")
	// Where udev or networkd run they would give our interfaces other MAC
	// addresses and take their routes away.
	s.Dir("/etc/systemd/network", 0o755)
	s.File("/etc/systemd/network/10-provision-pods.link", linkFile, 0o644)
	s.File("/etc/systemd/network/10-provision-pods.network", networkFile, 0o644)
	s.Add(residue.New(host.Name, Name, residue.Spec{
		Links: []string{"flannel.1", "cni0"}, Tables: []string{"ip flannel-ipv4", "ip6 flannel-ipv6", "inet cni_hostport"},
		Paths: []string{"/run/flannel", "/run/cni-ipam", "/var/lib/cni"},
	}).After(ossettings.Needed(s, pkg.Kind)...)) // the program that drops tables goes later
	for _, h := range cluster.Inventory.Hosts {
		if settings.Backend == HostGW && h.Joins() && !component.OnLink(s.Facts, h.Address) {
			s.Fail(fmt.Errorf("cannot route to pods of host %s from host %s: %s is on no network of its links, and host-gw knows no routers; use backend = \"vxlan\" with direct_routing = true", h.Name, host.Name, h.Address))
		}
	}
	podCIDR, ok := cluster.PodCIDRs[host.Name]
	if !ok {
		s.Fail(fmt.Errorf("host %s has no pod CIDR", host.Name))
	}
	// Read by containerd at each pod and watched by it. Kubelet restarts to say
	// whether it is any good, for it reports so every five minutes only.
	list := conflist(cluster.Inventory, podCIDR, podMTU(s.Facts, host, settings))
	// It takes the first one of the folder, whosever it is.
	s.Add(file.First(host.Name, cniConflist, list, 0o644, ".conf", ".conflist", ".json").
		After(component.DirAt(host.Name, component.CNIDir)).Restarting(component.KubeletUnit).From("network"))
	needed := s.Client(Name, component.BalancerURL, cert.Spec{CommonName: user}, Unit)
	needed = append(needed, component.NodeAt(host.Name))
	needed = append(needed, ossettings.Needed(s, pkg.Kind, kmod.Kind, sysctl.Kind)...)
	for _, object := range objects() {
		needed = append(needed, object.Address())
	}
	s.InWaves(s.Service(Unit, unitFile(host), needed...))
	keepSource(s, cluster.Inventory.Network, ossettings.Needed(s, pkg.Kind))
	return s.Done()
}

func (f flannel) Artifacts(cluster *component.Cluster) []bundle.Ref {
	if cluster.Inventory.Network.Plugin.Name != Name {
		return nil
	}
	return component.Refs(cluster, f, "flanneld")
}

// Clients implements component.APIClient.
func (flannel) Clients() []component.Client { return []component.Client{{Unit: Unit, User: user}} }

// Routes implements component.Router.
func (flannel) Routes() string { return Unit }

func (flannel) Rollout() component.Rollout { return component.Parallel }

func (flannel) Gate() component.Gate {
	return component.Gate{Live: []component.Live{{Unit: Unit, URL: "http://" + component.Loopback(healthPort) + "/healthz"}}}
}

func unitFile(host inventory.Host) string {
	flags := component.Flags{
		"kube-subnet-mgr": "true",
		"kubeconfig-file": component.ConfigDir + "/" + Name + ".conf",
		"net-config-path": netConf,
		"iface":           host.Address.String(),
		"public-ip":       host.Address.String(),
		"ip-masq":         "true",
		"healthz-ip":      "127.0.0.1",
		"healthz-port":    strconv.Itoa(healthPort),
	}
	return fmt.Sprintf(`[Unit]
Description=flannel pod network
Documentation=https://github.com/flannel-io/flannel
After=network-online.target haproxy.service
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=notify
Environment=%s
ExecStart=%s
Restart=always
RestartSec=1
TimeoutStartSec=120
OOMScoreAdjust=-500

[Install]
WantedBy=multi-user.target
`, component.Quote("NODE_NAME="+host.Name), flags.ExecStart(component.BinDir+"/flanneld"))
}

// Clusterwide is what flanneld may do in the cluster.
func (flannel) Clusterwide(cluster *component.Cluster) (component.Wide, error) {
	if cluster.Inventory.Network.Plugin.Name != Name {
		return component.Wide{}, nil
	}
	return component.Manifested(objects()...)
}

func objects() []component.Object {
	return []component.Object{
		{Name: "ClusterRole/provision:flannel", YAML: `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: provision:flannel
rules:
- apiGroups: [""]
  resources: [nodes]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [nodes/status]
  verbs: [patch]
`},
		{Name: "ClusterRoleBinding/provision:flannel", YAML: `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: provision:flannel
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: provision:flannel
subjects:
- apiGroup: rbac.authorization.k8s.io
  kind: User
  name: ` + user + "\n"},
	}
}
