package etcd

import (
	"fmt"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/facts"
	"provision/provision/internal/system"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/cert"
	"provision/provision/resource/directory"
	"provision/provision/resource/etcddata"
	"provision/provision/resource/file"
	"provision/provision/resource/identity"
)

const (
	// Name is the component's.
	Name = "etcd"
	// Unit is etcd's service.
	Unit = "etcd.service"
	// PKIDir holds its certificates and keys.
	PKIDir = "/etc/etcd/pki"

	bootstrapFile = "/etc/etcd/bootstrap.env"
	defaultData   = "/var/lib/etcd"
)

// New returns the component.
func New() component.Component { return etcd{} }

type etcd struct{}

func (etcd) Name() string { return Name }

func (etcd) Runs(_ *component.Cluster, host inventory.Host) bool { return host.Has(inventory.RoleEtcd) }

func (e etcd) Desired(cluster *component.Cluster, host inventory.Host) ([]resource.Resource, error) {
	s := component.NewSet(cluster, host, e.Name())
	data := dataDir(cluster.Inventory)
	s.Dir("/etc/etcd", 0o755)
	s.Dir(PKIDir, 0o755)
	// A member that was removed is worth nothing; one that comes back must come
	// back empty.
	s.Add(resource.New(host.Name, directory.Kind, data, directory.Spec{Attr: system.Attr{Mode: 0o700}, Purge: true}))
	s.Binary("etcd", Unit)
	s.Binary("etcdctl")
	etcdutl := s.Binary("etcdutl")
	// The CA is read at start only, certificates at each handshake.
	s.Add(identity.NewPart(host.Name, PKIDir+"/ca.crt", system.EtcdCA, identity.Trusted, 0o644).Restarting(Unit))
	addCerts(s)
	// First-boot flags stand in a file of their own that is left alone once
	// there is data, so that a member that comes or goes later changes nothing
	// on the others.
	first := file.Spec{
		Content: bootstrap(cluster, host),
		Attr:    system.Attr{Mode: 0o644},
		Until:   LogDir(cluster.Inventory),
	}
	theirs, blobs := dataOf(cluster, host)
	if theirs.Rejoin {
		first.Until = "" // what there is, is set aside
	}
	s.Add(resource.New(host.Name, file.Kind, bootstrapFile, first))
	s.Add(resource.New(host.Name, etcddata.Kind, data, theirs).WithBlobs(blobs...).
		After(etcdutl, resource.Address{Host: host.Name, Kind: directory.Kind, Name: data}).Restarting(Unit))
	s.Service(Unit, unitFile(cluster.Inventory, host), joining(cluster, host)...)
	return s.Done()
}

func (e etcd) Artifacts(cluster *component.Cluster) []bundle.Ref {
	return component.Refs(cluster, e, "etcd", "etcdctl", "etcdutl")
}

func (etcd) Rollout() component.Rollout { return component.OneAtATime }

func (etcd) Tier() component.Tier { return component.TierStore }

func (etcd) Gate() component.Gate {
	return component.Gate{URL: "http://" + component.Loopback(metricsPort) + "/readyz", Live: []component.Live{{Unit: Unit, URL: "http://" + component.Loopback(metricsPort) + "/livez"}}}
}

// Data reports the folder that a host's ledger has for a member's data; "" when
// it has none.
func Data(owned facts.Owned) string {
	for _, r := range owned.Resources {
		a, err := resource.ParseAddress("host/" + r.ID)
		if err == nil && a.Kind == directory.Kind && r.Component == Name && !strings.HasPrefix(a.Name, "/etc/") {
			return a.Name
		}
	}
	return ""
}

// DataDir is where a member's data are.
func DataDir(inv *inventory.Inventory) string { return dataDir(inv) }

func dataDir(inv *inventory.Inventory) string {
	if inv.Etcd.DataDir != "" {
		return inv.Etcd.DataDir
	}
	return defaultData
}

func addCerts(s *component.Set) {
	names := []string{s.Host.Name, "localhost"}
	addresses := []string{s.Host.Address.String(), "127.0.0.1"}
	add := func(name, user string, server, client bool) {
		spec := cert.Spec{CA: component.CAEtcd, CommonName: user, Server: server, Client: client}
		if server {
			spec.DNSNames, spec.IPs = names, addresses
		}
		s.Cert(PKIDir+"/"+name, spec)
	}
	add("server", s.Host.Name, true, false)
	add("peer", s.Host.Name, true, true)
	add("client", "provision-etcd-client", false, true)
}

// bootstrap is what etcd reads only while it has no data. It must come out the
// same in each run of an interrupted first apply, whether the cluster has a UUID
// by then or not: members that started with different tokens never find each
// other. What keeps clusters on the same addresses apart is etcd's own CA.
func bootstrap(cluster *component.Cluster, host inventory.Host) string {
	members := map[string]string{}
	state := "new"
	if known := KnownOf(cluster).Members; len(known) == 0 {
		for _, h := range cluster.Inventory.With(inventory.RoleEtcd) {
			members[h.Name] = peerURL(h)
		}
	} else {
		state = "existing"
		for name, url := range known {
			members[name] = url
		}
		for _, h := range newcomers(cluster) {
			members[h.Name] = peerURL(h)
			if h.Name == host.Name {
				break
			}
		}
		members[host.Name] = peerURL(host)
	}
	list := make([]string, 0, len(members))
	for name, url := range members {
		list = append(list, name+"="+url)
	}
	sort.Strings(list)
	return fmt.Sprintf("ETCD_INITIAL_CLUSTER=%s\nETCD_INITIAL_CLUSTER_STATE=%s\nETCD_INITIAL_CLUSTER_TOKEN=%s\n",
		strings.Join(list, ","), state, cluster.Inventory.Cluster.Name)
}

// MemberDir is where a member's data are once it has started.
func MemberDir(inv *inventory.Inventory) string { return dataDir(inv) + "/member" }

// LogDir is the folder of its write-ahead log: without one there is no member.
func LogDir(inv *inventory.Inventory) string {
	if dir := inv.Etcd.Args["wal-dir"]; dir != "" {
		return path.Clean(dir)
	}
	return MemberDir(inv) + "/wal"
}

// HasData reports whether a member's data are on a host. A start that failed
// leaves files too, but no log.
func HasData(inv *inventory.Inventory, host facts.Host) bool {
	return slices.Contains(host.Present, LogDir(inv))
}

// DataAt is what sets data aside that are not to be used.
func DataAt(inv *inventory.Inventory, host string) resource.Address {
	return resource.Address{Host: host, Kind: etcddata.Kind, Name: dataDir(inv)}
}

// PeerURL is where the other members reach a host's member.
func PeerURL(host inventory.Host) string { return peerURL(host) }

// newcomers are the hosts that become members one after the other in a
// cluster that exists: each must name exactly those before it.
func newcomers(cluster *component.Cluster) []inventory.Host {
	var list []inventory.Host
	for _, h := range cluster.Inventory.With(inventory.RoleEtcd) {
		if _, member := KnownOf(cluster).Members[h.Name]; !member {
			list = append(list, h)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}

// joining is what a newcomer to an existing cluster waits for: its membership,
// and the newcomer before it.
func joining(cluster *component.Cluster, host inventory.Host) []resource.Address {
	if len(KnownOf(cluster).Members) == 0 {
		return nil
	}
	previous := ""
	for _, h := range newcomers(cluster) {
		if h.Name != host.Name {
			previous = h.Name
			continue
		}
		needed := []resource.Address{component.LearnerAt(host.Name)}
		if previous != "" {
			needed = append(needed, component.MemberAt(previous))
		}
		return needed
	}
	return nil
}

func peerURL(host inventory.Host) string {
	return url(host.Address.String(), component.EtcdPeerPort)
}

// ClientURL is where a member serves clients.
func ClientURL(host inventory.Host) string {
	return url(host.Address.String(), component.EtcdClientPort)
}

func url(address string, port int) string {
	return "https://" + hostPort(address, port)
}

func hostPort(address string, port int) string {
	if strings.Contains(address, ":") {
		address = "[" + address + "]"
	}
	return address + ":" + strconv.Itoa(port)
}

func milliseconds(d, fallback time.Duration) string {
	if d <= 0 {
		d = fallback
	}
	return strconv.FormatInt(d.Milliseconds(), 10)
}
