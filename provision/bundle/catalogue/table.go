package catalogue

import "provision/provision/bundle"

// kubernetesVersion is that of several rows' sources.
const kubernetesVersion = "1.37.1"

// Default is the catalogue that ships with provision.
func Default() Catalogue {
	return Catalogue{
		kubernetes("kubelet", "kubelet"),
		kubernetes("kube-apiserver", "kubernetes"),
		kubernetes("kube-controller-manager", "kubernetes"),
		kubernetes("kube-scheduler", "kubernetes"),
		kubernetes("kube-proxy", "kubelet"),
		kubernetes("kubectl", "kubernetes"),
		etcd("etcd", "go.etcd.io/etcd/server/v3"),
		etcd("etcdctl", "go.etcd.io/etcd/etcdctl/v3"),
		etcd("etcdutl", "go.etcd.io/etcd/etcdutl/v3"),
		Own("provision-etcd"),
		containerd("containerd"),
		containerd("containerd-shim-runc-v2"),
		containerd("ctr"),
		runc(),
		cni("bridge", "main"),
		cni("host-local", "ipam"),
		cni("loopback", "main"),
		cni("portmap", "meta"),
		flanneld(),
		Own("provision-routes"),
		coredns(),
		coreDNSImage(),
		pauseImage(),
		deb("haproxy"),
		deb("nftables"),
		deb("kmod"),
		deb("conntrack"),
		deb("chrony"),
		deb("iptables"),
	}
}

func kubernetes(name, family string) Entry {
	return Entry{
		Name: name, Format: bundle.Binary, Family: family, Default: kubernetesVersion,
		Upstream: &Upstream{
			URL:      "https://dl.k8s.io/release/v{version}/bin/linux/{arch}/" + name,
			Checksum: "https://dl.k8s.io/release/v{version}/bin/linux/{arch}/" + name + ".sha256",
		},
		Go: &GoSource{
			Module: "k8s.io/kubernetes", Version: "v{version}", Package: "k8s.io/kubernetes/cmd/" + name,
			LocalReplaces: "v0.{minor}.{patch}",
			Stamps: []string{
				"k8s.io/component-base/version.gitVersion=v{version}",
				"k8s.io/component-base/version.gitMajor={major}",
				"k8s.io/component-base/version.gitMinor={minor}",
				"k8s.io/component-base/version.gitTreeState=clean",
				"k8s.io/client-go/pkg/version.gitVersion=v{version}",
			},
		},
	}
}

func etcd(name, module string) Entry {
	return Entry{
		Name: name, Format: bundle.Binary, Family: "etcd", Default: "3.7.3",
		Upstream: &Upstream{
			URL:      "https://github.com/etcd-io/etcd/releases/download/v{version}/etcd-v{version}-linux-{arch}.tar.gz",
			Checksum: "https://github.com/etcd-io/etcd/releases/download/v{version}/SHA256SUMS",
			Member:   "etcd-v{version}-linux-{arch}/" + name,
		},
		Go: &GoSource{
			Module: module, Version: "v{version}", Package: module,
			Stamps: []string{"go.etcd.io/etcd/api/v3/version.GitSHA=v{version}"},
		},
	}
}

func containerd(name string) Entry {
	const module = "github.com/containerd/containerd/v2"
	return Entry{
		Name: name, Format: bundle.Binary, Family: "containerd", Default: "2.2.1",
		Upstream: &Upstream{
			URL:      "https://github.com/containerd/containerd/releases/download/v{version}/containerd-{version}-linux-{arch}.tar.gz",
			Checksum: "https://github.com/containerd/containerd/releases/download/v{version}/containerd-{version}-linux-{arch}.tar.gz.sha256sum",
			Member:   "bin/" + name,
		},
		Go: &GoSource{
			Module: module, Version: "v{version}", Package: module + "/cmd/" + name,
			Stamps: []string{module + "/version.Version=v{version}"},
		},
	}
}

// runc enters namespaces from C before Go's runtime starts, and filters system
// calls with libseccomp.
func runc() Entry {
	return Entry{
		Name: "runc", Format: bundle.Binary, Family: "runc", Default: "1.5.2",
		Upstream: &Upstream{
			URL:      "https://github.com/opencontainers/runc/releases/download/v{version}/runc.{arch}",
			Checksum: "https://github.com/opencontainers/runc/releases/download/v{version}/runc.sha256sum",
		},
		Go: &GoSource{
			Module: "github.com/opencontainers/runc", Version: "v{version}", Package: "github.com/opencontainers/runc",
			Tags: []string{"seccomp", "netgo", "osusergo"}, CgoArch: []string{"amd64", "arm64"}, Libraries: []string{"libseccomp.a"},
		},
	}
}

func cni(name, kind string) Entry {
	const module = "github.com/containernetworking/plugins"
	return Entry{
		Name: "cni-" + name, Format: bundle.Binary, Family: "cni_plugins", Default: "1.9.1",
		Upstream: &Upstream{
			URL:      "https://github.com/containernetworking/plugins/releases/download/v{version}/cni-plugins-linux-{arch}-v{version}.tgz",
			Checksum: "https://github.com/containernetworking/plugins/releases/download/v{version}/cni-plugins-linux-{arch}-v{version}.tgz.sha256",
			Member:   "./" + name,
		},
		Go: &GoSource{
			Module: module, Version: "v{version}", Package: module + "/plugins/" + kind + "/" + name,
			Stamps: []string{module + "/pkg/utils/buildversion.BuildVersion=v{version}"},
		},
	}
}

// flanneld has a C backend on amd64. Its publisher offers no checksums, so it
// is built everywhere. The SDK of one cloud is pinned to a version that module
// proxies hold.
func flanneld() Entry {
	const sdk = "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/"
	return Entry{
		Name: "flanneld", Format: bundle.Binary, Family: "flannel", Default: "0.28.10",
		Go: &GoSource{
			Module: "github.com/flannel-io/flannel", Version: "v{version}", Package: "github.com/flannel-io/flannel",
			Tags: []string{"netgo", "osusergo"}, CgoArch: []string{"amd64"},
			Stamps: []string{"github.com/flannel-io/flannel/pkg/version.Version=v{version}"},
			Replaces: []Replace{
				{Old: sdk + "common", New: sdk + "common", Version: "v1.0.1000"},
				{Old: sdk + "vpc", New: sdk + "vpc", Version: "v1.0.1000"},
			},
		},
	}
}

func coredns() Entry {
	return Entry{
		Name: "coredns", Format: bundle.Binary, Family: "coredns", Default: "1.14.0", Internal: true,
		Upstream: &Upstream{
			URL:      "https://github.com/coredns/coredns/releases/download/v{version}/coredns_{version}_linux_{arch}.tgz",
			Checksum: "https://github.com/coredns/coredns/releases/download/v{version}/coredns_{version}_linux_{arch}.tgz.sha256",
			Member:   "coredns",
		},
		Go: &GoSource{
			Module: "github.com/coredns/coredns", Version: "v{version}", Package: "github.com/coredns/coredns",
			Stamps: []string{"github.com/coredns/coredns/coremain.GitCommit=v{version}"},
		},
	}
}

func coreDNSImage() Entry {
	return Entry{
		Name: "image-coredns", Format: bundle.OCI, Family: "coredns", Default: "1.14.0",
		Image: &ImageSource{
			Reference: "registry.k8s.io/coredns/coredns:v{version}",
			Programs:  []Program{{Path: "coredns", Binary: "coredns"}},
			User:      "65532:65532", WorkingDir: "/", Ports: []string{"53/tcp", "53/udp"},
		},
	}
}

func pauseImage() Entry {
	return Entry{
		Name: "image-pause", Format: bundle.OCI, Family: "pause", Default: "3.10.2",
		Image: &ImageSource{
			Reference: "registry.k8s.io/pause:{version}",
			Programs: []Program{{Path: "pause", C: &CSource{
				Module: "k8s.io/kubernetes", ModuleVersion: "v" + kubernetesVersion, File: "build/pause/linux/pause.c",
				Flags: []string{"-Os", "-Wall", "-Werror", "-static", "-DVERSION=v{version}"},
			}}},
			User: "65535:65535",
		},
	}
}

func deb(name string) Entry {
	return Entry{Name: "deb-" + name, Format: bundle.Deb, Deb: &DebSource{Packages: []string{name}}}
}
