package kubelet

import (
	"fmt"

	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/component/containerd"
	"provision/provision/component/loadbalancer"
	"provision/provision/component/ossettings"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/cert"
	"provision/provision/resource/directory"
	"provision/provision/resource/file"
	"provision/provision/resource/kmod"
	"provision/provision/resource/residue"
	"provision/provision/resource/swap"
	"provision/provision/resource/sysctl"
)

const (
	// Name is the component's.
	Name = "kubelet"
	// Unit is kubelet's service.
	Unit = component.KubeletUnit

	stateDir   = "/var/lib/kubelet"
	pkiDir     = stateDir + "/pki"
	clientPair = pkiDir + "/kubelet-client-current.pem"
	configFile = component.ConfigDir + "/kubelet.yaml"
	kubeconfig = component.ConfigDir + "/kubelet.conf"
	serverCert = component.PKIDir + "/kubelet-server"
)

// New returns the component.
func New() component.Component { return kubelet{} }

type kubelet struct{}

func (kubelet) Name() string { return Name }

// Registers: kubelet writes labels of its own into its Node once, when it starts.
// https://kubernetes.io/docs/concepts/architecture/nodes/#self-registration-of-nodes
func (kubelet) Registers() (field, unit string) { return "labels.kubernetes.io/hostname", Unit }

func (kubelet) Runs(_ *component.Cluster, host inventory.Host) bool { return host.Joins() }

func (k kubelet) Desired(cluster *component.Cluster, host inventory.Host) ([]resource.Resource, error) {
	s := component.NewSet(cluster, host, k.Name())
	s.Add(directory.New(host.Name, stateDir, 0o750).After(containerd.Traces(host.Name)))
	// kubelet writes there how long a shutdown may take.
	logind := s.Dir("/etc/systemd/logind.conf.d", 0o755)
	s.Add(residue.New(host.Name, k.Name(), residue.Spec{
		Paths:   []string{"/etc/systemd/logind.conf.d/99-kubelet.conf", "/usr/libexec/kubernetes", "/run/kubelet"},
		Rereads: []string{"systemd-logind.service"},
	}).After(logind))
	s.Dir(pkiDir, 0o750)
	// Kubernetes asks for an empty Node when its kubelet gets another version:
	// pods that one version started are not promised to the next.
	s.Draining(s.Binary("kubelet", Unit))
	// The first client certificate is ours; kubelet rotates it by itself.
	s.CertAt(clientPair, cert.Spec{
		CA: component.CACluster, CommonName: "system:node:" + host.Name, Organizations: []string{"system:nodes"},
		Client: true, Key: clientPair, Adopt: true,
	}, Unit)
	s.Cert(serverCert, cert.Spec{
		CA: component.CACluster, CommonName: "system:node:" + host.Name, Organizations: []string{"system:nodes"},
		Server: true, DNSNames: []string{host.Name}, IPs: []string{host.Address.String(), "127.0.0.1"},
	})
	s.File(kubeconfig, component.Kubeconfig(component.BalancerURL, "kubelet", clientPair, clientPair), 0o600, Unit)
	fields, text, err := config(cluster.Inventory, host, s.Facts)
	if err != nil {
		s.Fail(err)
	}
	s.Add(file.New(host.Name, configFile, text, 0o644).Restarting(Unit).After(pools(s, fields)...).
		From("kubernetes.kubelet", "kubernetes.cgroup_driver", "kubelet", "network", "os.swap"))
	needed := append(containerd.Ready(s), ossettings.Needed(s, swap.Kind, kmod.Kind, sysctl.Kind)...)
	needed = append(needed, component.CAAt(host.Name), component.UnitAt(host.Name, loadbalancer.Unit))
	// The Node exists with its pod CIDR, labels and taints before its kubelet
	// could register one without.
	s.InWaves(s.Service(Unit, unitFile(host), append(needed, component.NodeAt(host.Name))...))
	return s.Done()
}

func (k kubelet) Artifacts(cluster *component.Cluster) []bundle.Ref {
	return component.Refs(cluster, k, "kubelet")
}

// Clients implements component.APIClient.
func (kubelet) Clients() []component.Client { return []component.Client{{Unit: Unit}} }

func (kubelet) Rollout() component.Rollout { return component.Parallel }

func (kubelet) Tier() component.Tier { return component.TierNodes }

func (kubelet) Gate() component.Gate {
	return component.Gate{Live: []component.Live{{Unit: Unit, URL: "http://" + component.Loopback(healthPort) + "/healthz"}}}
}

func unitFile(host inventory.Host) string {
	flags := component.Flags{
		"config":            configFile,
		"kubeconfig":        kubeconfig,
		"cert-dir":          pkiDir,
		"hostname-override": host.Name,
		"node-ip":           host.Address.String(),
		"root-dir":          stateDir,
	}
	return fmt.Sprintf(`[Unit]
Description=Kubernetes node agent
Documentation=https://kubernetes.io/docs
After=network-online.target containerd.service haproxy.service
Wants=network-online.target containerd.service
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart=%s
Restart=always
RestartSec=1
# Pods and their mounts outlive a restart.
KillMode=process
OOMScoreAdjust=-999
CPUAccounting=yes
MemoryAccounting=yes

[Install]
WantedBy=multi-user.target
`, flags.ExecStart(component.BinDir+"/kubelet"))
}
