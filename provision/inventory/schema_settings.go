package inventory

func sshSpec() *blockSpec {
	return &blockSpec{
		Name: "ssh", Doc: "How the operator reaches hosts. A host may override user, port and keys.",
		Attrs: []attrSpec{
			{Name: "user", Kind: userKind(), Default: `"root"`, Doc: "Login user."},
			{Name: "port", Kind: portKind(), Default: "22", Doc: "SSH port."},
			{Name: "identity_files", Kind: stringsKind(), Shown: "the keys of ~/.ssh", Doc: "Private keys to try, in order."},
			{Name: "known_hosts", Kind: stringsKind(), Default: `["~/.ssh/known_hosts"]`, Doc: "Files of host keys. Host keys are always checked."},
			{Name: "use_agent", Kind: boolKind(), Default: "true", Doc: "Use the ssh-agent of `$SSH_AUTH_SOCK`."},
			{Name: "use_config", Kind: boolKind(), Default: "true", Doc: "Read `~/.ssh/config`."},
			{Name: "password_env", Kind: envNameKind(), Secretive: true, Doc: "Environment variable that holds the login password. The password itself never goes into an inventory."},
			{Name: "sudo", Kind: boolKind(), Shown: "true unless `user` is root", Doc: "Become root through sudo."},
			{Name: "sudo_password_env", Kind: envNameKind(), Secretive: true, Shown: "`password_env`", Doc: "Environment variable that holds the sudo password."},
			{Name: "connect_timeout", Kind: durationKind(), Default: `"10s"`, Doc: "Deadline for a connection, all hops included."},
			{Name: "keepalive", Kind: durationKind(), Default: `"15s"`, Doc: "Time between keepalives; three lost ones end the connection. 0s turns them off."},
			{Name: "parallel", Kind: parallelKind(), Default: "64", Doc: "Hosts dialled at once."},
		},
		Blocks: []*blockSpec{{
			Name: "bastion", Many: true, Doc: "A hop on the way to the hosts; several are used in the order written.",
			Attrs: []attrSpec{
				{Name: "address", Kind: endpointKind(), Required: true, Doc: "Address or DNS name."},
				{Name: "port", Kind: portKind(), Default: "22", Doc: "SSH port."},
				{Name: "user", Kind: userKind(), Shown: "`ssh.user`", Doc: "Login user."},
				{Name: "identity_file", Kind: stringKind(), Shown: "as for hosts", Doc: "Private key."},
				{Name: "host_key", Kind: hostKeyKind(), Shown: "known_hosts", Doc: "Pin of the hop's key."},
			},
		}},
	}
}

func networkSpec() *blockSpec {
	return &blockSpec{
		Name: "network", Doc: "Addresses inside the cluster. They must not overlap each other nor the hosts.",
		Attrs: []attrSpec{
			{Name: "pods", Kind: cidrKind(), Default: `"10.32.0.0/12"`, Doc: "Addresses of pods; each host gets a part."},
			{Name: "services", Kind: cidrKind(), Default: `"10.96.0.0/16"`, Doc: "Addresses of services."},
			{Name: "node_prefix", Kind: prefixKind(), Shown: "24, or 64 for IPv6", Doc: "Length of each host's pod CIDR."},
			{Name: "dns_domain", Kind: domainKind(), Default: `"cluster.local"`, Doc: "Domain of services and pods."},
			{Name: "dns_address", Kind: addressKind(), Shown: "the tenth of `services`", Doc: "Address of the cluster's DNS service."},
			{Name: "keep_source", Kind: cidrsKind(), Doc: "Networks outside the cluster towards which pods keep their address; those need routes back to pods. Towards all others, packets have the Node's address."},
			{Name: "proxy_mode", Kind: proxyModeKind(), Default: `"nftables"`, Doc: "How kube-proxy works: `nftables`, `iptables` or `ipvs`."},
			{Name: "proxy_conntrack_min", Kind: countKind(), Shown: "kube-proxy's own", Doc: "Connections tracked at least; 0 leaves the host's setting alone."},
			{Name: "proxy_conntrack_max_per_core", Kind: countKind(), Shown: "kube-proxy's own", Doc: "Connections tracked per core; 0 leaves the host's setting alone."},
		},
		Blocks: []*blockSpec{{
			Name: "plugin", Label: "name", Choices: map[string]*blockSpec{},
			Doc: "The pod network, `flannel` when not given. Its attributes are those of the plug-in.",
		}},
	}
}

func kubernetesSpec() *blockSpec {
	return &blockSpec{
		Name: "kubernetes", Doc: "Settings of the control plane, kubelets and containerd.",
		Attrs: []attrSpec{
			{Name: "apiserver_args", Kind: argsKind(), Doc: "Flags of kube-apiserver, without dashes; they replace ours."},
			{Name: "controller_manager_args", Kind: argsKind(), Doc: "Flags of kube-controller-manager."},
			{Name: "scheduler_args", Kind: argsKind(), Doc: "Flags of kube-scheduler."},
			{Name: "kubelet", Kind: objectKind(), Doc: "Fields of KubeletConfiguration, merged over ours."},
			{Name: "cgroup_driver", Kind: cgroupDriverKind(), Default: `"systemd"`, Doc: "`systemd` or `cgroupfs`, for kubelet and containerd."},
			{Name: "restrict_oom_score_adj", Kind: boolKind(), Default: "false", Doc: "For hosts without CAP_SYS_RESOURCE, such as containers."},
			{Name: "registry_mirrors", Kind: mirrorsKind(), Doc: "Mirrors of a registry, in order: `{ \"docker.io\" = [\"https://mirror.example\"] }`."},
			{Name: "registry_auth", Kind: registryAuthKind(), Secretive: true, Secret: true, Doc: "Logins of mirrors, `user:password` by mirror as written in `registry_mirrors`: `{ \"https://mirror.example\" = var.mirror_login }`. Takes sensitive values only."},
		},
		Blocks: []*blockSpec{{
			Name: "audit_log", Doc: "Bounds of the API's audit log.",
			Attrs: []attrSpec{
				{Name: "max_age_days", Kind: countKind(), Default: "30", Doc: "Days that a log file is kept."},
				{Name: "max_backups", Kind: countKind(), Default: "10", Doc: "Old files kept."},
				{Name: "max_size_mb", Kind: countKind(), Default: "100", Doc: "Size at which a file is rotated."},
			},
		}},
	}
}

func etcdSpec() *blockSpec {
	return &blockSpec{
		Name: "etcd", Doc: "Settings of etcd.",
		Attrs: []attrSpec{
			{Name: "data_dir", Kind: pathKind(), Default: `"/var/lib/etcd"`, Doc: "Where the data is."},
			{Name: "quota_bytes", Kind: quotaKind(), Default: "8589934592", Doc: "Size at which etcd stops taking writes."},
			{Name: "heartbeat_interval", Kind: durationKind(), Default: `"100ms"`, Doc: "Time between heartbeats."},
			{Name: "election_timeout", Kind: durationKind(), Default: `"1s"`, Doc: "Silence after which a leader is elected; at least five heartbeats."},
			{Name: "args", Kind: argsKind(), Doc: "Flags of etcd, without dashes; they replace ours."},
		},
	}
}

func timeSpec() *blockSpec {
	return &blockSpec{
		Name: "time", Doc: "Clocks.",
		Attrs: []attrSpec{
			{Name: "manage", Kind: boolKind(), Default: "true", Doc: "Install and configure chrony; false leaves the clock to the host."},
			{Name: "servers", Kind: endpointsKind(), Shown: "the distribution's", Doc: "NTP servers."},
		},
	}
}

func osSpec() *blockSpec {
	return &blockSpec{
		Name: "os", Doc: "Settings of the operating system.",
		Attrs: []attrSpec{
			{Name: "manage_modules", Kind: boolKind(), Default: "true", Doc: "Load kernel modules; false only checks them, for hosts that share a kernel."},
			{Name: "manage_sysctls", Kind: boolKind(), Default: "true", Doc: "Set sysctls; false only checks them."},
			{Name: "hold_packages", Kind: boolKind(), Default: "true", Doc: "Hold the packages that provision installs, as `apt-mark hold` does, so that unattended upgrades neither change nor restart them."},
			{Name: "sysctls", Kind: sysctlsKind(), Doc: "Sysctls, merged over ours."},
			{Name: "modules", Kind: modulesKind(), Doc: "Modules loaded besides ours."},
			{Name: "swap", Kind: swapKind(), Default: `"off"`, Doc: "`off` turns swap off, `ignore` leaves it."},
		},
		Blocks: []*blockSpec{{
			Name: "journal", Doc: "The system's log.",
			Attrs: []attrSpec{
				{Name: "persistent", Kind: boolKind(), Default: "true", Doc: "Keep the log over reboots, in /var/log/journal; false keeps it in memory."},
				{Name: "max_use", Kind: sizeKind(), Default: `"1G"`, Doc: "Maximum size: a number and M, G or T."},
				{Name: "keep_free", Kind: sizeKind(), Default: `"1G"`, Doc: "Space to leave free on its disk."},
			},
		}},
	}
}

func pkiSpec() *blockSpec {
	return &blockSpec{
		Name: "pki", Doc: "Lifetimes of certificates.",
		Attrs: []attrSpec{
			{Name: "ca_life", Kind: lifeKind(), Default: `"87600h"`, Doc: "Life of the CAs."},
			{Name: "leaf_life", Kind: lifeKind(), Default: `"8760h"`, Doc: "Life of what they sign."},
		},
	}
}
