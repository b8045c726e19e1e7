package inventory

import (
	"math/big"
	"slices"
	"time"

	"provision/provision/diag"
	"provision/provision/secret"
)

// bind turns evaluated nodes into the Inventory and checks them against each
// other.
func (l *loader) bind(root *node) *Inventory {
	inv := &Inventory{
		Cluster: l.bindCluster(root), SSH: bindSSH(root.only("ssh")), Network: bindNetwork(root.only("network")),
		Kubernetes: bindKubernetes(root.only("kubernetes")), Etcd: bindEtcd(root.only("etcd")),
		Time:    Time{Manage: root.only("time").flag("manage"), Servers: root.only("time").list("servers")},
		OS:      bindOS(root.only("os")),
		PKI:     PKI{CALife: root.only("pki").duration("ca_life"), LeafLife: root.only("pki").duration("leaf_life")},
		Rollout: bindRollout(root.only("rollout")), Pools: l.bindPools(root),
	}
	inv.Addons, inv.Places = l.bindAddons(root), Places{}
	inv.Images = l.bindImages(root.only("images"))
	for _, f := range l.files {
		inv.Places.note("", f.body)
	}
	hosts := l.bindHosts(root)
	for _, h := range hosts {
		inv.Hosts = append(inv.Hosts, h.Host)
	}
	slices.SortFunc(inv.Hosts, compareHosts)
	l.bindParts(root, inv, hosts)
	l.checkMembers(inv.Pools, hosts)
	l.check(root, inv, hosts)
	inv.Catalogue = l.opts.Catalogue
	for _, p := range l.opts.Parts {
		_, configured := p.(Configured)
		_, decoded := inv.Settings[p.Name()]
		if judge, ok := p.(Judge); ok && configured == decoded {
			l.report(judge.Judge(inv)...)
		}
	}
	return inv
}

func (l *loader) bindCluster(root *node) Cluster {
	n := root.only("cluster")
	if n.body == nil {
		l.report(diag.Errorf(n.at, "No cluster block", "An inventory needs a name for its cluster: cluster \"NAME\" { }."))
	} else if !isLabel(n.label) || len(n.label) > 40 {
		l.report(diag.Errorf(n.at, "Invalid cluster name", "%s is not a name of small letters, digits and '-', at most 40 long.", quote(n.label)))
	}
	return Cluster{
		Name: n.label, Site: n.str("site"), Environment: n.str("environment"), APIAddress: n.str("api_address"), Range: n.at,
		Versions: bindVersions(n), Via: n.only("versions").list("via"),
	}
}

func bindSSH(n *node) SSH {
	s := SSH{
		User: n.str("user"), Port: int(n.num("port")), IdentityFiles: n.list("identity_files"), KnownHosts: n.list("known_hosts"),
		UseAgent: n.flag("use_agent"), UseConfig: n.flag("use_config"), PasswordEnv: n.str("password_env"),
		SudoPasswordEnv: n.str("sudo_password_env"), Sudo: n.flag("sudo"),
		ConnectTimeout: n.duration("connect_timeout"), Keepalive: n.duration("keepalive"), Parallel: int(n.num("parallel")),
	}
	if !n.has("sudo") {
		s.Sudo = s.User != "root"
	}
	if s.SudoPasswordEnv == "" {
		s.SudoPasswordEnv = s.PasswordEnv
	}
	for _, b := range n.blocks["bastion"] {
		hop := Bastion{
			Address: b.str("address"), Port: int(b.num("port")), User: b.str("user"),
			IdentityFile: b.str("identity_file"), HostKey: b.str("host_key"),
		}
		if hop.User == "" {
			hop.User = s.User
		}
		s.Bastions = append(s.Bastions, hop)
	}
	return s
}

func bindNetwork(n *node) Network {
	net := Network{
		DNSDomain: n.str("dns_domain"), ProxyMode: n.str("proxy_mode"), NodePrefix: int(n.num("node_prefix")),
		ProxyConntrackMin: n.optional("proxy_conntrack_min"), ProxyConntrackMaxPerCore: n.optional("proxy_conntrack_max_per_core"),
		Plugin: Plugin{Name: "flannel", Range: n.at},
	}
	net.Pods, _ = parseCIDR(n.str("pods"))
	net.Services, _ = parseCIDR(n.str("services"))
	for _, text := range n.list("keep_source") {
		kept, _ := parseCIDR(text)
		net.KeepSource = append(net.KeepSource, kept)
	}
	if !n.has("node_prefix") {
		net.NodePrefix = 24
		if net.Pods.Addr().Is6() {
			net.NodePrefix = 64
		}
	}
	if n.has("dns_address") {
		net.DNSAddress, _ = parseAddress(n.str("dns_address"))
	} else if net.Services.IsValid() {
		net.DNSAddress, _ = nthAddress(net.Services, big.NewInt(10))
	}
	for _, p := range n.blocks["plugin"] {
		net.Plugin = Plugin{Name: p.label, Range: p.at}
	}
	return net
}

func bindKubernetes(n *node) Kubernetes {
	audit := n.only("audit_log")
	k := Kubernetes{
		APIServerArgs: n.dict("apiserver_args"), ControllerManagerArgs: n.dict("controller_manager_args"), SchedulerArgs: n.dict("scheduler_args"),
		Kubelet: map[string]any{}, CgroupDriver: n.str("cgroup_driver"), RestrictOOMScoreAdj: n.flag("restrict_oom_score_adj"),
		RegistryMirrors: map[string][]string{}, RegistryAuth: map[string]secret.Value{},
		AuditLog: AuditLog{
			MaxAgeDays: int(audit.num("max_age_days")), MaxBackups: int(audit.num("max_backups")), MaxSizeMB: int(audit.num("max_size_mb")),
		},
	}
	if n.has("kubelet") {
		if m, ok := goValue(n.attrs["kubelet"].v).(map[string]any); ok {
			k.Kubelet = m
		}
	}
	if n.has("registry_mirrors") {
		for it := n.attrs["registry_mirrors"].v.ElementIterator(); it.Next(); {
			registry, list := it.Element()
			k.RegistryMirrors[registry.AsString()] = stringList(list)
		}
	}
	for mirror, login := range n.dict("registry_auth") {
		k.RegistryAuth[mirror] = secret.New(login)
	}
	return k
}

func bindEtcd(n *node) Etcd {
	return Etcd{
		DataDir: n.str("data_dir"), QuotaBytes: n.num("quota_bytes"), HeartbeatInterval: n.duration("heartbeat_interval"),
		ElectionTimeout: n.duration("election_timeout"), Args: n.dict("args"),
	}
}

func bindOS(n *node) OS {
	journal := n.only("journal")
	return OS{
		Journal: Journal{Volatile: !journal.flag("persistent"), MaxUse: journal.str("max_use"), KeepFree: journal.str("keep_free")},
		Sysctls: n.dict("sysctls"), Modules: n.list("modules"), Swap: n.str("swap"),
		ManageModules: n.flag("manage_modules"), ManageSysctls: n.flag("manage_sysctls"),
		HoldPackages: n.flag("hold_packages"),
	}
}

func (n *node) duration(name string) time.Duration {
	d, _ := time.ParseDuration(n.str(name))
	return d
}

func (n *node) optional(name string) *int {
	if !n.has(name) {
		return nil
	}
	i := int(n.num(name))
	return &i
}
