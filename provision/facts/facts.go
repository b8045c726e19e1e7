package facts

import (
	"slices"
	"strconv"
	"time"
)

// Host is what an agent says of its host in the first exchange. Everything in
// it comes from a machine and is to be treated as such.
type Host struct {
	Hostname   string    `json:"hostname"`
	MachineID  string    `json:"machine_id"`
	BootID     string    `json:"boot_id"` // another one after each boot
	Arch       string    `json:"arch"`    // GOARCH: amd64, arm64
	Kernel     string    `json:"kernel"`
	OS         OS        `json:"os"`
	CPUs       int       `json:"cpus"`
	MemoryKiB  int64     `json:"memory_kib"`
	Cgroup     int       `json:"cgroup"` // 1 or 2; hybrid counts as 1
	Systemd    int       `json:"systemd"`
	Container  string    `json:"container,omitempty"` // systemd-nspawn, lxc…; "" on metal and VMs
	Addresses  []Address `json:"addresses"`
	Clock      time.Time `json:"clock"`
	Resolver   string    `json:"resolver"`      // resolv.conf that names real servers
	Init       string    `json:"init"`          // name of process 1
	Lab        string    `json:"lab,omitempty"` // content of the lab marker, "" on real hosts
	Rebooting  bool      `json:"rebooting,omitempty"`
	Locked     bool      `json:"locked,omitempty"`     // another run had the lock: what the ledger said may not have been its last word
	NeedsBoot  []string  `json:"needs_boot,omitempty"` // why it should be rebooted
	Capability uint64    `json:"capability"`           // bounding set of the agent
	Owned      Owned     `json:"owned"`
	// Present are those of the paths asked for that exist.
	Present []string `json:"present,omitempty"`
	// Etcd says whose data they are, when one of these paths is the log of an
	// etcd member, and can be read.
	Etcd *EtcdData `json:"etcd,omitempty"`
	// Blobs are the sha256 of the verified blobs the host has.
	Blobs []string `json:"blobs,omitempty"`
}

// EtcdData names the member, and its cluster, that etcd's data are of: hex.
type EtcdData struct {
	Member  string `json:"member"`
	Cluster string `json:"cluster"`
}

// OS is /etc/os-release.
type OS struct {
	ID       string `json:"id"`
	Version  string `json:"version"`
	Codename string `json:"codename"`
	Name     string `json:"name"`
}

// Address is one address of an interface.
type Address struct {
	Interface string `json:"interface"`
	CIDR      string `json:"cidr"`
	MTU       int    `json:"mtu"`
}

// Owned is what the ledger says, without what only the host needs.
type Owned struct {
	Format   int       `json:"format"`
	Identity *Identity `json:"identity,omitempty"`
	Pending  *Identity `json:"pending,omitempty"` // first phase of the birth
	// Copies are those of Identity's private items that are really there.
	Copies map[string]Copy `json:"copies,omitempty"`
	// Unsettled: a change of the identity was cut off, and left files aside.
	Unsettled bool               `json:"unsettled,omitempty"`
	Epoch     uint64             `json:"epoch"`
	Resources []Resource         `json:"resources,omitempty"`
	Restarts  map[string]Restart `json:"restarts,omitempty"` // by unit
	Roster    *Roster            `json:"roster,omitempty"`
}

// Resource is an entry of the ledger.
type Resource struct {
	ID           string `json:"id"`
	Component    string `json:"component,omitempty"`
	Irreversible bool   `json:"irreversible,omitempty"`
	// Triggers are the units to act on when it is removed, with the action.
	Triggers map[string]string `json:"triggers,omitempty"`
}

// Restart is an open record: the unit must run under a later invocation (or be
// reloaded) because an input changed.
type Restart struct {
	Invocation string `json:"invocation"`
	Action     string `json:"action"`
	Cause      string `json:"cause"` // address of the input
}

// Copy tells copies of a private item apart. All are random, of 256 bits or
// more, so that a digest tells nobody anything.
type Copy struct {
	Digest string `json:"digest"` // SHA-256, hex
	// Damaged: it is no such item, or does not belong to the public half.
	Damaged bool `json:"damaged,omitempty"`
}

// Identity says which cluster a host belongs to. No secrets.
type Identity struct {
	UUID    string `json:"uuid"`
	Cluster string `json:"cluster"`
	// CAs are the PEM certificates by CA name: cluster, etcd, front-proxy.
	CAs map[string]string `json:"cas"`
	// ServiceAccountKey is the PEM public key that verifies service account tokens.
	ServiceAccountKey string `json:"service_account_key"`
	// Holds lists the private items this host has: "cluster.key", "etcd.key",
	// "front-proxy.key", "sa.key", "encryption.yaml".
	Holds []string `json:"holds,omitempty"`
	// EtcdClusterID is set once etcd has formed; hex.
	EtcdClusterID string `json:"etcd_cluster_id,omitempty"`
	// Generation rises each time that authorities or keys are replaced: the
	// highest is the cluster's, and hosts with a lower one are told.
	Generation int `json:"generation,omitempty"`
	// Turning says how far rotations are, by private item.
	Turning map[string]Turn `json:"turning,omitempty"`
	// Restored is the latest restore of etcd's data from a backup.
	Restored *Restored `json:"restored,omitempty"`
}

// Restored is a restore of etcd's data.
type Restored struct {
	// Open: it is under way, and nothing else changes the cluster.
	Open   bool      `json:"open,omitempty"`
	Since  time.Time `json:"since"`
	Name   string    `json:"name"`   // of the backup, for people
	SHA256 string    `json:"sha256"` // of the snapshot
	Bare   bool      `json:"bare,omitempty"`
	// Cluster is the id that etcd gets by it, hex, Former those of the clusters
	// that restores replaced: their data are never served again.
	Cluster string   `json:"cluster"`
	Former  []string `json:"former,omitempty"`
	// Members are the peer URLs of the new cluster's members, by host.
	Members map[string]string `json:"members"`
	Token   string            `json:"token"`
	// Revision is where the new cluster begins, above all revisions that were ever
	// handed out; Bump is added to the snapshot's to get there.
	Revision int64 `json:"revision"`
	Bump     int64 `json:"bump"`
}

// Former reports whether an etcd cluster, by its id in hex, is one that a restore
// replaced.
func (id Identity) Former(cluster string) bool {
	return id.Restored != nil && cluster != id.EtcdClusterID && slices.Contains(id.Restored.Former, cluster)
}

// Current leaves out those, of the ids that members say by host.
func (id Identity) Current(ids map[string]uint64) map[string]uint64 {
	out := map[string]uint64{}
	for host, cluster := range ids {
		if !id.Former(strconv.FormatUint(cluster, 16)) {
			out[host] = cluster
		}
	}
	return out
}

// Turn is how far the rotation of an authority or a key is: a phase of pki.
type Turn struct {
	Phase string    `json:"phase"`
	Since time.Time `json:"since"`
}

// Roster is who belongs to the cluster, as the last apply left it.
type Roster struct {
	Written time.Time `json:"written"`
	// Services is the cluster's service range; it cannot change.
	Services string       `json:"services,omitempty"`
	Hosts    []RosterHost `json:"hosts"`
}

// RosterHost says how to reach a host that may have left the inventory.
type RosterHost struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	Port    int    `json:"port"`
	User    string `json:"user"`
	// Jump are the bastions on the way, as inventory.SSH.Jump writes them; "" in
	// rosters of earlier versions.
	Jump    string `json:"jump,omitempty"`
	HostKey string `json:"host_key"` // that it showed
	// MachineID is that of the machine that answered last under this name.
	MachineID string   `json:"machine_id,omitempty"`
	Roles     []string `json:"roles"`
	// PodCIDR is what the Node was given; it never moves.
	PodCIDR string `json:"pod_cidr,omitempty"`
	// Certs are the certificates that it has, as pki.Ask.Digest: it may ask for
	// these by itself, and for no others.
	Certs []string `json:"certs,omitempty"`
	// Isolated: an operator took the host out of service, for diagnosis.
	Isolated bool `json:"isolated,omitempty"`
	// Rebuilding: the host was reset and is being set up anew.
	Rebuilding bool `json:"rebuilding,omitempty"`
	// Reboot is set from when the host's reboot was asked for until all that was
	// asked for with it is done.
	Reboot *Reboot `json:"reboot,omitempty"`
}

// Reboot is a reboot that was asked for. The host is done when it runs another
// boot.
type Reboot struct {
	Boot  string    `json:"boot"` // that is to end
	Since time.Time `json:"since"`
}
