package containerd

import (
	"encoding/base64"
	"fmt"
	"slices"
	"sort"
	"strings"

	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/component/ossettings"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/file"
	"provision/provision/resource/image"
	"provision/provision/resource/kmod"
	"provision/provision/resource/residue"
	"provision/provision/secret"
)

const (
	// Unit is containerd's service.
	Unit = "containerd.service"

	certsDir = "/etc/containerd/certs.d"
)

// New returns the component.
func New() component.Component { return containerd{} }

type containerd struct{}

func (containerd) Name() string { return "containerd" }

func (containerd) Runs(_ *component.Cluster, host inventory.Host) bool { return host.Joins() }

func (c containerd) Desired(cluster *component.Cluster, host inventory.Host) ([]resource.Resource, error) {
	s := component.NewSet(cluster, host, c.Name())
	s.Dir("/etc/containerd", 0o755)
	s.Dir(certsDir, 0o755)
	s.Dir(component.CNIBinDir, 0o755)
	s.Dir(component.CNIDir, 0o755)
	// A restart of the daemon leaves pods running. Yet daemon, shim and runc of
	// one pod should be of one kind: a shim that is older than its daemon's, or
	// a container that another runc is to end, is what nobody tests.
	s.Draining(s.Binary("containerd", Unit), s.Binary("containerd-shim-runc-v2"))
	s.Binary("ctr")
	s.Draining(s.Binary("runc"))
	for _, plugin := range plugins() {
		s.BinaryAt("cni-"+plugin, component.CNIBinDir+"/"+plugin)
	}
	pause, err := pauseImage(cluster, s.Facts.Arch)
	if err != nil {
		s.Fail(err)
	}
	// The cgroup driver is in it: pods that were started under the other one are
	// in groups that runc and kubelet do not find any more. A daemon without a
	// runtime starts all the same: kubelet, when it starts, is who sees that.
	s.Draining(s.From(s.File("/etc/containerd/config.toml", config(cluster.Inventory.Kubernetes, pause), 0o644, Unit, component.KubeletUnit),
		"kubernetes.cgroup_driver", "kubernetes.restrict_oom_score_adj"))
	addMirrors(s)
	s.Add(residue.New(host.Name, Traces(host.Name).Name, traces()))
	running := s.Service(Unit, unitFile, ossettings.Needed(s, kmod.Kind)...)
	s.InWaves(running)
	version, err := cluster.Inventory.Version("image-pause")
	if err != nil {
		s.Fail(err)
	}
	s.Image(bundle.Ref{Name: "image-pause", Version: version}, running)
	for _, ref := range cluster.ImagesOn(host) {
		s.Image(ref, running)
	}
	return s.Done()
}

// Traces is the resource that knows what pods leave behind.
func Traces(host string) resource.Address {
	return resource.Address{Host: host, Kind: residue.Kind, Name: "pods"}
}

// traces are what pods and their runtime leave when both are gone.
func traces() residue.Spec {
	return residue.Spec{
		Groups: []string{"kubepods"}, Commands: []string{"containerd-shim"},
		Mounts: []string{"/var/lib/kubelet/", "/var/lib/containerd/", "/run/containerd/", "/run/netns/cni-"},
		Paths:  []string{"/var/lib/kubelet", "/var/lib/containerd", "/run/containerd", "/var/log/pods", "/var/log/containers", "/opt/containerd"},
	}
}

func (c containerd) Artifacts(cluster *component.Cluster) []bundle.Ref {
	names := []string{"containerd", "containerd-shim-runc-v2", "ctr", "runc", "image-pause"}
	for _, plugin := range plugins() {
		names = append(names, "cni-"+plugin)
	}
	refs := component.Refs(cluster, c, names...)
	for _, host := range cluster.Inventory.Hosts {
		for _, ref := range cluster.ImagesOn(host) {
			if !slices.Contains(refs, ref) {
				refs = append(refs, ref)
			}
		}
	}
	return refs
}

func (containerd) Rollout() component.Rollout { return component.Parallel }

// Checks implements component.Checked.
func (containerd) Checks(*component.Cluster, inventory.Host) component.Checks {
	return component.Checks{Folders: []component.Folder{{Path: "/var/lib/containerd", Least: 2 << 30, Enough: 10 << 30, Local: true, Layers: true,
		Room: 15, Why: "kubelet deletes images below 15 % and evicts pods below 10 %"}}}
}

func (containerd) Gate() component.Gate {
	return component.Gate{Live: []component.Live{{Unit: Unit, URL: "unix:///run/containerd/containerd.sock"}}}
}

func plugins() []string { return []string{"bridge", "host-local", "loopback", "portmap"} }

// Ready is what a Node waits for: the daemon and the image that every pod
// starts with, which kubelet would otherwise try to pull.
func Ready(s *component.Set) []resource.Address {
	pause, err := pauseImage(s.Cluster, s.Facts.Arch)
	if err != nil {
		s.Fail(err)
	}
	return []resource.Address{
		component.UnitAt(s.Host.Name, Unit),
		{Host: s.Host.Name, Kind: image.Kind, Name: pause},
	}
}

func pauseImage(cluster *component.Cluster, arch string) (string, error) {
	found, err := cluster.Artifact("image-pause", arch)
	return found.Image, err
}

// addMirrors wants a hosts.toml for each registry with mirrors. containerd
// reads them at each pull, so nothing restarts.
func addMirrors(s *component.Set) {
	mirrors := s.Cluster.Inventory.Kubernetes.RegistryMirrors
	registries := make([]string, 0, len(mirrors))
	for registry := range mirrors {
		registries = append(registries, registry)
	}
	sort.Strings(registries)
	for _, registry := range registries {
		folder := certsDir + "/" + folderName(registry)
		s.Dir(folder, 0o755)
		content, secrets := hostsFile(registry, mirrors[registry], s.Cluster.Inventory.Kubernetes.RegistryAuth)
		if secrets {
			s.Add(file.Secret(s.Host.Name, folder+"/hosts.toml", secret.New(content)))
		} else {
			s.File(folder+"/hosts.toml", content, 0o644)
		}
	}
}

func folderName(registry string) string {
	if registry == "*" {
		return "_default"
	}
	return registry
}

// hostsFile says where containerd pulls from, and whether that holds a login.
func hostsFile(registry string, mirrors []string, logins map[string]secret.Value) (content string, secrets bool) {
	var text strings.Builder
	if registry != "*" {
		upstream := registry
		if upstream == "docker.io" {
			upstream = "registry-1.docker.io"
		}
		fmt.Fprintf(&text, "server = %q\n", "https://"+upstream)
	}
	for _, mirror := range mirrors {
		login, ok := logins[mirror]
		if !strings.Contains(mirror, "://") {
			mirror = "https://" + mirror
		}
		fmt.Fprintf(&text, "\n[host.%q]\n  capabilities = [\"pull\", \"resolve\"]\n", mirror)
		if ok {
			secrets = true
			fmt.Fprintf(&text, "  [host.%q.header]\n    Authorization = %q\n", mirror, "Basic "+base64.StdEncoding.EncodeToString(login.Bytes()))
		}
	}
	return text.String(), secrets
}
