package controlplane

import (
	"sort"
	"strconv"
	"strings"
	"time"

	"provision/provision/component"
	"provision/provision/component/etcd"
	"provision/provision/internal/system"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/cert"
	"provision/provision/resource/identity"
)

// Files of the API server.
const (
	etcdCA         = component.PKIDir + "/etcd-ca.crt"
	frontProxyCA   = component.PKIDir + "/front-proxy-ca.crt"
	serviceKey     = component.PKIDir + "/sa.key"
	servicePub     = component.PKIDir + "/sa.pub"
	encryption     = component.ConfigDir + "/encryption.yaml"
	auditPolicy    = component.ConfigDir + "/audit-policy.yaml"
	authentication = component.ConfigDir + "/authentication.yaml"
	auditDir       = "/var/log/kubernetes"
)

// ends bounds the end of a server. It takes some seconds (see drain), but one
// that cannot reach etcd, as when all certificates have ended, would take
// minutes: before it ends it takes its address and its Leases out of it.
const ends = "TimeoutStopSec=30\n"

func apiServer(s *component.Set) {
	host := s.Host.Name
	s.Binary("kube-apiserver", APIServer)
	s.Dir(auditDir, 0o700)
	s.File(auditPolicy, audit(s.Cluster), 0o600, APIServer)
	// Read again by itself when it changes.
	s.File(authentication, authenticationText, 0o600)
	s.Add(identity.NewPart(host, etcdCA, system.EtcdCA, identity.Trusted, 0o644).Restarting(APIServer))
	s.Add(identity.NewPart(host, frontProxyCA, system.FrontProxyCA, identity.Trusted, 0o644))
	s.Add(identity.NewPart(host, serviceKey, system.ServiceKey, identity.Signer, 0o600).Restarting(APIServer, ControllerManager))
	s.Add(identity.NewPart(host, servicePub, system.ServicePub, identity.Trusted, 0o644).Restarting(APIServer))
	s.Add(identity.New(host, encryption, system.Encryption, 0o600).Restarting(APIServer))
	addCerts(s)
	flags := apiFlags(s).Merge(s.Cluster.Inventory.Kubernetes.APIServerArgs)
	unit := service("Kubernetes API server", "notify", flags.ExecStart(component.BinDir+"/kube-apiserver"), ends)
	s.Service(APIServer, unit, append(quorum(s), component.CAAt(host))...)
}

// The server reads all of them again when they change.
func addCerts(s *component.Set) {
	names, addresses := Names(s.Cluster, s.Host)
	s.Cert(component.PKIDir+"/apiserver", cert.Spec{
		CA: component.CACluster, CommonName: "kube-apiserver", Server: true, DNSNames: names, IPs: addresses,
	})
	s.Cert(component.PKIDir+"/apiserver-kubelet-client", cert.Spec{
		CA: component.CACluster, CommonName: kubeletClient, Client: true,
	})
	s.Cert(component.PKIDir+"/apiserver-etcd-client", cert.Spec{
		CA: component.CAEtcd, CommonName: "kube-apiserver-etcd-client", Client: true,
	})
	s.Cert(component.PKIDir+"/front-proxy-client", cert.Spec{
		CA: component.CAFrontProxy, CommonName: "front-proxy-client", Client: true,
	})
}

// Names are the DNS names and addresses under which an API server is reached.
func Names(cluster *component.Cluster, host inventory.Host) (names, addresses []string) {
	inv := cluster.Inventory
	names = []string{
		"kubernetes", "kubernetes.default", "kubernetes.default.svc",
		"kubernetes.default.svc." + inv.Network.DNSDomain, host.Name, "localhost",
	}
	addresses = []string{host.Address.String(), "127.0.0.1", cluster.ServiceIP().String()}
	switch api := inv.Cluster.APIAddress; {
	case api == "":
	case isAddress(api):
		addresses = append(addresses, api)
	default:
		names = append(names, api)
	}
	return names, addresses
}

// quorum is the etcd unit whose readiness tells that etcd has a leader: the
// host's own, else one of the others, spread by name. One is enough, and a
// second would let a failed host hold up this one.
func quorum(s *component.Set) []resource.Address {
	if s.Host.Has(inventory.RoleEtcd) {
		return []resource.Address{component.UnitAt(s.Host.Name, etcd.Unit)}
	}
	var up []string
	for _, h := range s.Cluster.Inventory.With(inventory.RoleEtcd) {
		if _, answered := s.Cluster.Facts[h.Name]; answered {
			up = append(up, h.Name)
		}
	}
	if len(up) == 0 {
		return nil
	}
	sort.Strings(up)
	position := 0
	for _, h := range s.Cluster.Inventory.With(inventory.RoleMaster) {
		if h.Name < s.Host.Name {
			position++
		}
	}
	return []resource.Address{component.UnitAt(up[position%len(up)], etcd.Unit)}
}

func etcdServers(inv *inventory.Inventory) string {
	var urls []string
	for _, h := range inv.With(inventory.RoleEtcd) {
		urls = append(urls, etcd.ClientURL(h))
	}
	sort.Strings(urls)
	return strings.Join(urls, ",")
}

func apiFlags(s *component.Set) component.Flags {
	inv := s.Cluster.Inventory
	pki := component.PKIDir
	return component.Flags{
		"advertise-address":                  s.Host.Address.String(),
		"bind-address":                       "0.0.0.0",
		"secure-port":                        strconv.Itoa(component.APIPort),
		"allow-privileged":                   "true",
		"authorization-mode":                 "Node,RBAC",
		"authentication-config":              authentication,
		"enable-admission-plugins":           "NodeRestriction",
		"client-ca-file":                     component.ClusterCA,
		"tls-cert-file":                      pki + "/apiserver.crt",
		"tls-private-key-file":               pki + "/apiserver.key",
		"tls-min-version":                    "VersionTLS12",
		"etcd-servers":                       etcdServers(inv),
		"etcd-cafile":                        etcdCA,
		"etcd-certfile":                      pki + "/apiserver-etcd-client.crt",
		"etcd-keyfile":                       pki + "/apiserver-etcd-client.key",
		"encryption-provider-config":         encryption,
		"kubelet-certificate-authority":      component.ClusterCA,
		"kubelet-client-certificate":         pki + "/apiserver-kubelet-client.crt",
		"kubelet-client-key":                 pki + "/apiserver-kubelet-client.key",
		"kubelet-preferred-address-types":    "InternalIP,Hostname",
		"service-account-issuer":             "https://kubernetes.default.svc." + inv.Network.DNSDomain,
		"service-account-key-file":           servicePub,
		"service-account-signing-key-file":   serviceKey,
		"service-cluster-ip-range":           inv.Network.Services.String(),
		"proxy-client-cert-file":             pki + "/front-proxy-client.crt",
		"proxy-client-key-file":              pki + "/front-proxy-client.key",
		"requestheader-client-ca-file":       frontProxyCA,
		"requestheader-allowed-names":        "front-proxy-client",
		"requestheader-username-headers":     "X-Remote-User",
		"requestheader-group-headers":        "X-Remote-Group",
		"requestheader-extra-headers-prefix": "X-Remote-Extra-",
		// kube-proxy may not know the addresses behind a Service on a master
		// that no kube-proxy configured yet; its own route always works.
		"enable-aggregator-routing": "true",
		"audit-policy-file":         auditPolicy,
		"audit-log-path":            auditDir + "/audit.log",
		"audit-log-maxage":          strconv.Itoa(positive(inv.Kubernetes.AuditLog.MaxAgeDays, 30)),
		"audit-log-maxbackup":       strconv.Itoa(positive(inv.Kubernetes.AuditLog.MaxBackups, 10)),
		"audit-log-maxsize":         strconv.Itoa(positive(inv.Kubernetes.AuditLog.MaxSizeMB, 100)),
		// Long-lived HTTP/2 connections move to a master that came back.
		"goaway-chance":           goaway(inv),
		"shutdown-delay-duration": drain(inv),
		// Without it open watches hold up the end of the server for a minute.
		"shutdown-watch-termination-grace-period": "3s",
		"profiling": "false",
	}
}

// drain is how long a master that stops still answers, so that the balancers
// see that it is not ready any more; alone it has nobody to hand over to.
func drain(inv *inventory.Inventory) string {
	if len(inv.With(inventory.RoleMaster)) < 2 {
		return "0s"
	}
	return "5s"
}

// goaway is zero with one master: there is nowhere else to go.
func goaway(inv *inventory.Inventory) string {
	if len(inv.With(inventory.RoleMaster)) < 2 {
		return "0"
	}
	return "0.001"
}

func leafLife(inv *inventory.Inventory) time.Duration {
	if inv.PKI.LeafLife > 0 {
		return inv.PKI.LeafLife
	}
	return 365 * 24 * time.Hour
}

func positive(value, fallback int) int {
	if value > 0 {
		return value
	}
	return fallback
}
