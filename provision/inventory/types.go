package inventory

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"provision/provision/bundle/catalogue"
	"provision/provision/secret"
)

// Role is what a host does in the cluster.
type Role string

// The roles of the engine; others are those that parts use (RoleUser). A host
// with master and node is schedulable; master alone is tainted.
const (
	RoleEtcd   Role = "etcd"
	RoleMaster Role = "master"
	RoleNode   Role = "node"
	// RoleOutside is of hosts that are no part of the cluster. It stands alone.
	RoleOutside Role = "outside"
	// RoleGateway is of Nodes that pass on packets between pods and the outside.
	RoleGateway Role = "gateway"
)

// Inventory is a decoded, validated inventory with all defaults filled in.
type Inventory struct {
	Cluster    Cluster
	SSH        SSH
	Network    Network
	Kubernetes Kubernetes
	Etcd       Etcd
	Time       Time
	OS         OS
	PKI        PKI
	Rollout    Rollout
	Pools      []Pool  // of kubelets
	Addons     []Addon // by kind and name; without those that are there by default
	// Settings are what parts decoded of their own blocks, by the part's name.
	Settings map[string]any
	Images   []Image // of the operator's own
	Hosts    []Host  // sorted by name
	// Digest is the sha256 of everything that was read, variables and the
	// environment included, for saved plans. Weak secrets could be guessed from
	// it, so plans have it keyed, or else PublicDigest: that of what cannot hold
	// a secret.
	Digest       secret.Value
	PublicDigest string
	// Sources holds what was read, by file name, for diagnostics of the bodies
	// that other packages decode. Decrypted files are not in it.
	Sources map[string][]byte
	// Catalogue holds the rows that versions are of; nil: the default ones.
	Catalogue catalogue.Catalogue
	// Written is the inventory as it was written, to be kept.
	Written Written
	// Places are where its settings are written, for what fails because of them.
	Places Places
}

// Cluster is the cluster block.
type Cluster struct {
	Name        string
	Site        string
	Environment string // "prod…" asks for the name to be typed at consent
	Versions    Versions
	// Via are releases to go by, between the installed ones and these.
	Via []string
	// APIAddress is an address or name under which clients outside reach the
	// API (a VIP or DNS name); it is put into the API's certificate. May be "".
	APIAddress string
	Range      hcl.Range
}

// Production reports whether consent takes the cluster's name: for "prod" and
// whatever begins so, in any case of letters.
func (c Cluster) Production() bool {
	return strings.HasPrefix(strings.ToLower(strings.TrimSpace(c.Environment)), "prod")
}

// SSH is how the operator reaches hosts; hosts may override parts of it.
type SSH struct {
	User            string
	Port            int
	IdentityFiles   []string
	KnownHosts      []string // files; default ~/.ssh/known_hosts
	UseAgent        bool
	UseConfig       bool   // read ~/.ssh/config
	PasswordEnv     string // name of an environment variable
	SudoPasswordEnv string
	Sudo            bool      // false when the user is root
	Bastions        []Bastion // hops in order
	ConnectTimeout  time.Duration
	Keepalive       time.Duration
	Parallel        int // hosts dialled at once
}

// NoJump is the Jump of hosts that are reached without a bastion.
const NoJump = "none"

// Jump are the bastions in one line, as ProxyJump of ssh has them:
// USER@ADDRESS:PORT,…, or NoJump.
func (s SSH) Jump() string {
	var hops []string
	for _, b := range s.Bastions {
		hops = append(hops, b.User+"@"+net.JoinHostPort(b.Address, strconv.Itoa(b.Port)))
	}
	if len(hops) == 0 {
		return NoJump
	}
	return strings.Join(hops, ",")
}

// Bastion is one hop.
type Bastion struct {
	Address      string
	Port         int
	User         string
	IdentityFile string
	HostKey      string // pin, "" for known_hosts
}

// Network is the network block.
type Network struct {
	Pods       netip.Prefix
	Services   netip.Prefix
	NodePrefix int // length of each host's pod CIDR, 24 by default
	DNSDomain  string
	DNSAddress netip.Addr // tenth of Services by default
	Plugin     Plugin
	// ProxyMode of kube-proxy: nftables, iptables, ipvs.
	ProxyMode string
	// KeepSource are networks towards which pods are not masqueraded.
	KeepSource []netip.Prefix
	// ProxyConntrackMin and ProxyConntrackMaxPerCore go to kube-proxy; nil
	// leaves its own default, 0 leaves the host's setting alone.
	ProxyConntrackMin, ProxyConntrackMaxPerCore *int
}

// Plugin is the pod network; its settings are in Inventory.Settings.
type Plugin struct {
	Name  string // flannel
	Range hcl.Range
}

// Kubernetes holds settings of the control plane, kubelets and containerd.
type Kubernetes struct {
	APIServerArgs, ControllerManagerArgs, SchedulerArgs map[string]string
	// Kubelet is merged over our KubeletConfiguration; any field of it.
	Kubelet map[string]any
	// CgroupDriver is "systemd" or "cgroupfs" and goes to both kubelet and
	// containerd.
	CgroupDriver string
	// RestrictOOMScoreAdj goes to containerd's CRI plugin, for hosts without
	// CAP_SYS_RESOURCE.
	RestrictOOMScoreAdj bool
	// RegistryMirrors maps a registry to its mirrors.
	RegistryMirrors map[string][]string
	// RegistryAuth maps a mirror to "user:password".
	RegistryAuth map[string]secret.Value
	AuditLog     AuditLog
}

// AuditLog bounds the API's audit log.
type AuditLog struct {
	MaxAgeDays, MaxBackups, MaxSizeMB int
}

// Etcd holds etcd's settings.
type Etcd struct {
	DataDir           string
	QuotaBytes        int64
	HeartbeatInterval time.Duration
	ElectionTimeout   time.Duration
	Args              map[string]string
}

// Time is the time block.
type Time struct {
	Manage  bool // false leaves it to the host
	Servers []string
}

// OS holds settings of the operating system.
type OS struct {
	Sysctls map[string]string // merged over ours
	Modules []string          // loaded besides ours
	Swap    string            // "off" (default) or "ignore"
	// Modules and sysctls that the kernel does not have are errors, unless
	// the host's kernel is shared (Manage false): then they are only checked.
	ManageModules bool
	ManageSysctls bool
	HoldPackages  bool
	Journal       Journal
}

// Journal bounds the system's log. Sizes are as journald.conf(5) takes them.
type Journal struct {
	Volatile         bool // in memory only: it is gone with a reboot
	MaxUse, KeepFree string
}

// PKI holds lifetimes.
type PKI struct {
	CALife, LeafLife time.Duration
}

// Rollout says how changes travel that need Nodes without pods.
type Rollout struct {
	// MaxUnavailable is a number of workers, or their percentage as "10%".
	MaxUnavailable string
	Canary         int // workers that go first
	DrainTimeout   time.Duration
	EvictUnmanaged bool // pods that nobody makes again, too
}

// Host is one machine.
type Host struct {
	Name    string
	Address netip.Addr
	Roles   []Role // sorted
	Rack    string
	Zone    string
	Labels  map[string]string
	Taints  []Taint
	// SSH overrides; zero values mean the inventory's ssh block.
	User          string
	Port          int
	IdentityFiles []string
	HostKey       string // pin: "ssh-ed25519 AAAA…" or "SHA256:…"
	// Jump is the way to a host that the inventory does not list, as SSH.Jump
	// writes it; "" is that of the ssh block.
	Jump  string
	Range hcl.Range
}

// Taint is a Node taint.
type Taint struct {
	Key, Value, Effect string
}

// Has reports whether the host has the role.
func (h Host) Has(role Role) bool {
	for _, r := range h.Roles {
		if r == role {
			return true
		}
	}
	return false
}

// Joins reports whether the host is a Node of the cluster (master or node).
func (h Host) Joins() bool { return h.Has(RoleMaster) || h.Has(RoleNode) }

// Managed reports whether the host is set up as a part of the cluster, whatever
// its roles: its time and its log are ours. A host outside has no more of ours
// than access: the cluster's authority, and certificates that are renewed.
func (h Host) Managed() bool {
	return slices.ContainsFunc(h.Roles, func(r Role) bool { return r != RoleOutside })
}

// Keeper reports whether the host keeps the cluster's identity, roster, lock and
// history: masters and etcd hosts do.
func (h Host) Keeper() bool { return h.Has(RoleMaster) || h.Has(RoleEtcd) }

// With returns the hosts that have the role, in order.
func (inv *Inventory) With(role Role) []Host {
	var hosts []Host
	for _, h := range inv.Hosts {
		if h.Has(role) {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

// Host returns the host of that name.
func (inv *Inventory) Host(name string) (Host, bool) {
	for _, h := range inv.Hosts {
		if h.Name == name {
			return h, true
		}
	}
	return Host{}, false
}
