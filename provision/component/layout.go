package component

import (
	"net"
	"strconv"

	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/directory"
	"provision/provision/resource/identity"
	"provision/provision/resource/unit"
)

// Where things are on a host.
const (
	BinDir    = "/usr/local/bin"
	ConfigDir = "/etc/kubernetes"
	PKIDir    = ConfigDir + "/pki"
	ClusterCA = PKIDir + "/ca.crt"
	// HostPair is the host's own access to the API, certificate and key.
	HostPair  = PKIDir + "/host.pem"
	CNIBinDir = "/opt/cni/bin"
	CNIDir    = "/etc/cni/net.d"
	// KubeletUnit is restarted by what only a kubelet that starts sees: the runtime
	// and the configuration of the pod network.
	KubeletUnit = "kubelet.service"
)

// Ports and endpoints that several components share.
const (
	APIPort        = 6443
	BalancerPort   = 7443
	EtcdClientPort = 2379
	EtcdPeerPort   = 2380
	// BalancerURL is the API as every client on a host sees it: through the
	// host's own load balancer.
	BalancerURL = "https://127.0.0.1:7443"
	// LocalAPIURL is the API server of the same host.
	LocalAPIURL = "https://127.0.0.1:6443"
)

// Kinds of cluster scope that components require.
const (
	NodeKind   = "node"       // cluster/node["m1"]
	MemberKind = "etcdmember" // cluster/etcdmember["m1"]
	ObjectKind = "object"     // cluster/object["ClusterRole/x"]
)

// UnitAt is the address of a unit of a host.
func UnitAt(host, name string) resource.Address {
	return resource.Address{Host: host, Kind: unit.Kind, Name: name}
}

// DirAt is the address of a folder of a host.
func DirAt(host, name string) resource.Address {
	return resource.Address{Host: host, Kind: directory.Kind, Name: name}
}

// CAAt is the address of the cluster CA's certificate on a host; package trust
// puts it there.
func CAAt(host string) resource.Address {
	return resource.Address{Host: host, Kind: identity.Kind, Name: ClusterCA}
}

// NodeAt is the address of the Node object of a host.
func NodeAt(host string) resource.Address {
	return resource.Address{Host: resource.ClusterHost, Kind: NodeKind, Name: host}
}

// MemberAt is the address of the etcd membership of a host, as a voter.
func MemberAt(host string) resource.Address {
	return resource.Address{Host: resource.ClusterHost, Kind: MemberKind, Name: host}
}

// LearnerAt is the address of the first step of joining etcd: the member is
// known to the others, as a learner, before it starts.
func LearnerAt(host string) resource.Address {
	return resource.Address{Host: resource.ClusterHost, Kind: MemberKind, Name: host + " learner"}
}

// Object is an API object that a component needs in the cluster, as YAML (JSON
// is YAML too).
type Object struct {
	// Name is KIND/NAME or KIND/NAMESPACE/NAME; it is the name of the
	// cluster/object resource that applies it.
	Name string
	YAML string
}

// Address is that of the cluster resource which applies the object.
func (o Object) Address() resource.Address {
	return resource.Address{Host: resource.ClusterHost, Kind: ObjectKind, Name: o.Name}
}

// Loopback is where a program of a host listens for that host only.
func Loopback(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// APIServer is where the API server of a master listens.
func APIServer(master inventory.Host) string {
	return net.JoinHostPort(master.Address.String(), strconv.Itoa(APIPort))
}
