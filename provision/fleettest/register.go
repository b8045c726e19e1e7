package fleettest

import "provision/provision/cluster"

// registers are what services write into the Node of their host when they start.
var registers = map[string]map[string]any{
	"kubelet.service":  {"labels": map[string]any{"kubernetes.io/hostname": "x"}},
	"flanneld.service": {"annotations": map[string]any{"flannel.alpha.coreos.com/public-ip": "x"}},
}

// register has a service that starts write into its Node, if there is one.
func (a *API) register(host, unit string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ref := cluster.Ref{APIVersion: "v1", Kind: "Node", Name: host}
	if node := a.objects[ref]; node != nil && registers[unit] != nil {
		objects{a}.write(ref, merged(node, map[string]any{"metadata": registers[unit]}))
	}
}

// DeleteNode deletes a Node behind everybody's back.
func (a *API) DeleteNode(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.objects, cluster.Ref{APIVersion: "v1", Kind: "Node", Name: name})
}

// PatchNode changes a Node, or makes it, behind everybody's back.
func (a *API) PatchNode(name string, patch map[string]any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ref := cluster.Ref{APIVersion: "v1", Kind: "Node", Name: name}
	objects{a}.write(ref, merged(a.objects[ref], patch))
}
