package components

import (
	"provision/network/flannel"
	"provision/network/outside"
	"provision/provision/component"
	"provision/provision/component/containerd"
	"provision/provision/component/controlplane"
	"provision/provision/component/etcd"
	"provision/provision/component/etcdbackup"
	"provision/provision/component/kubelet"
	"provision/provision/component/kubeproxy"
	"provision/provision/component/loadbalancer"
	"provision/provision/component/nodes"
	"provision/provision/component/ossettings"
	"provision/provision/component/renewal"
	"provision/provision/component/timesync"
	"provision/provision/component/trust"
)

// All returns every component, in the order in which people read a plan.
func All() []component.Component { return With() }

// With is All with more of them.
func With(more ...component.Component) []component.Component {
	all := []component.Component{
		nodes.New(),
		ossettings.New(),
		timesync.New(),
		trust.New(),
		containerd.New(),
		etcd.New(),
		controlplane.New(),
		loadbalancer.New(),
		kubelet.New(),
		kubeproxy.New(),
		flannel.New(),
		outside.New(),
		etcdbackup.New(),
	}
	all = append(all, more...)
	return append(all, renewal.New(all))
}
