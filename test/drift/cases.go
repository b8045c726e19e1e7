package drift

// Case is one change by hand on a host with every role.
type Case struct {
	Kind    string // of the resource that shows
	What    string // what was done
	Name    string // of the resource
	Script  string // done by root on the host, if any
	Kubectl []string
	// Restarts are the units that run anew afterwards, because of it.
	Restarts []string
	// Quiet: the unit's step is its own, not one for a restart.
	Quiet bool
}

// Address is the resource that the plan must name.
func (c Case) Address(host string) string {
	return host + "/" + c.Kind + `["` + c.Name + `"]`
}

const (
	proxyYAML = "/etc/kubernetes/kube-proxy.yaml"
	conflist  = "/etc/cni/net.d/10-flannel.conflist"
	netConf   = "/etc/flannel/net-conf.json"
	auth      = "/etc/kubernetes/authentication.yaml"
	scheduler = "/etc/kubernetes/scheduler.conf"
	pki       = "/etc/kubernetes/pki/"
)

// Host are the changes on a host. They are done all at once.
func Host() []Case {
	return []Case{
		{Kind: "file", What: "content", Name: proxyYAML, Script: "echo '# by hand' >>" + proxyYAML, Restarts: []string{"kube-proxy.service"}},
		{Kind: "file", What: "mode, and another before it", Name: conflist, Script: "chmod 666 " + conflist + "; echo '{}' >/etc/cni/net.d/00-mine.conflist"},
		{Kind: "file", What: "deleted", Name: netConf, Script: "rm " + netConf, Restarts: []string{"flanneld.service"}},
		{Kind: "file", What: "owner", Name: auth, Script: "chown nobody:nogroup " + auth},
		{Kind: "file", What: "swapped by a link", Name: scheduler, Script: "mv " + scheduler + " /root/moved; ln -s /root/moved " + scheduler, Restarts: []string{"kube-scheduler.service"}},
		{Kind: "override", What: "drop-in", Name: "kube-scheduler.service", Restarts: []string{"kube-scheduler.service"},
			Script: `d=/etc/systemd/system/kube-scheduler.service.d; mkdir -p $d; printf '[Service]\nNice=5\n' >$d/10-mine.conf; systemctl daemon-reload; systemctl restart kube-scheduler`},
		{Kind: "unit", What: "stopped", Name: "kube-controller-manager.service", Script: "systemctl stop kube-controller-manager", Restarts: []string{"kube-controller-manager.service"}, Quiet: true},
		{Kind: "unit", What: "disabled", Name: "kubelet.service", Script: "systemctl disable --quiet kubelet", Quiet: true},
		{Kind: "unit", What: "masked", Name: "haproxy.service", Script: "systemctl mask --quiet haproxy", Quiet: true},
		{Kind: "package", What: "removed", Name: "nftables", Script: "dpkg --remove --force-depends nftables"},
		{Kind: "image", What: "deleted", Name: "registry.k8s.io/pause:3.10.2", Script: "ctr -n k8s.io images rm registry.k8s.io/pause:3.10.2"},
		{Kind: "binary", What: "replaced", Name: "/opt/cni/bin/portmap", Script: "cp /bin/true /opt/cni/bin/portmap"},
		{Kind: "binary", What: "swapped by a link", Name: "/usr/local/bin/etcdutl", Script: "ln -sf /bin/true /usr/local/bin/etcdutl"},
		{Kind: "directory", What: "mode", Name: "/etc/etcd", Script: "chmod 777 /etc/etcd"},
		{Kind: "cert", What: "deleted", Name: pki + "scheduler.crt", Script: "rm " + pki + "scheduler.crt"},
		{Kind: "cert", What: "replaced", Name: "/etc/etcd/pki/client.crt", Script: "cp /etc/etcd/pki/server.crt /etc/etcd/pki/client.crt; cp /etc/etcd/pki/server.key /etc/etcd/pki/client.key"},
		{Kind: "identity", What: "edited", Name: pki + "front-proxy-ca.crt", Script: "echo x >>" + pki + "front-proxy-ca.crt"},
		{Kind: "hosts", What: "lines deleted", Name: "hosts", Script: "sed -i '/provision/d' /etc/hosts"},
		{Kind: "residue", What: "note deleted", Name: "kubelet", Script: "rm /var/lib/provision/residue/kubelet.json"},
	}
}

// Cluster are the changes through the API, and of etcd.
func Cluster(host string) []Case {
	return []Case{
		{Kind: "node", What: "label deleted", Name: host, Kubectl: []string{"label", "node", host, "node-role.kubernetes.io/node-"}},
		{Kind: "object", What: "edited", Name: "ClusterRoleBinding/provision:flannel", Kubectl: []string{"patch", "clusterrolebinding", "provision:flannel",
			"--type=merge", "-p", `{"subjects":[{"kind":"User","name":"mallory","apiGroup":"rbac.authorization.k8s.io"}]}`}},
		{Kind: "object", What: "deleted", Name: "ClusterRoleBinding/provision:kubelet-rotation", Kubectl: []string{"delete", "clusterrolebinding", "provision:kubelet-rotation"}},
		{Kind: "release", What: "objects edited", Name: "coredns", Kubectl: []string{"-n", "kube-system", "scale", "deployment/coredns", "--replicas=2"}},
		{Kind: "etcdmember", What: "peer URL changed", Name: host, Script: `export ETCDCTL_ENDPOINTS=https://127.0.0.1:2379 ETCDCTL_CACERT=/etc/etcd/pki/ca.crt ETCDCTL_CERT=/etc/etcd/pki/client.crt ETCDCTL_KEY=/etc/etcd/pki/client.key
			etcdctl member update $(etcdctl member list | cut -d, -f1) --peer-urls=https://127.0.0.1:2380`},
	}
}

// Elsewhere are the kinds whose drift is shown by other tests, and which.
func Elsewhere() map[string]string {
	return map[string]string{
		"archive":   "provision/resource/archive: TestConformance; no component has one",
		"kmod":      "provision/resource/kmod: TestConformance; lab hosts share this machine's kernel",
		"sysctl":    "provision/resource/sysctl: TestConformance; lab hosts share this machine's kernel",
		"swap":      "provision/resource/swap: TestConformance; lab hosts share this machine's swap",
		"hugepages": "provision/resource/hugepages: TestConformance; lab hosts share this machine's memory",
		"etcddata":  "provision/resource/etcddata: TestConformance; data of a removed member are set aside, see journey grown",
		"managers":  "provision/resource/managers: TestConformance; its real check is on a lab host whose managers are turned on",
		"user":      "provision/resource/user: TestConformance; no component has one",
		"drain":     "provision/resource/drain: TestMissingNodeIsDrained; it is part of a change, never wanted for good",
		"uncordon":  "provision/resource/uncordon: TestOnlyWhatProvisionCordonedIsUncordoned; what people cordon stays cordoned",
	}
}
