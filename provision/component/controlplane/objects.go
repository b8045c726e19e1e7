package controlplane

import (
	"fmt"

	"provision/provision/component"
	"provision/provision/inventory"
	"provision/provision/pki"
)

const (
	// AdminGroup is the group of the operators' certificates.
	AdminGroup    = pki.Admin
	kubeletClient = "kube-apiserver-kubelet-client"
)

// Clusterwide is the barrier before the API, and the bindings that the control
// plane and its operators need.
func (controlPlane) Clusterwide(c *component.Cluster) (component.Wide, error) {
	w, err := component.Manifested(
		AdminBinding(),
		binding("provision:apiserver-to-kubelet", "system:kubelet-api-admin", "User", kubeletClient),
		// kubelets may have the client certificates signed that they rotate to.
		binding("provision:kubelet-rotation", "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
			"Group", "system:nodes"),
	)
	api := component.Barrier{Address: component.APIAt(), Need: 1, Proof: component.APIOpen}
	for _, h := range c.Answered() {
		if h.Has(inventory.RoleMaster) {
			api.Of = append(api.Of, component.UnitAt(h.Name, APIServer))
		}
	}
	w.Barriers = []component.Barrier{api}
	return w, err
}

// AdminBinding lets the operators' group administer the cluster. It is the one
// object that must be there before operators can create any other.
func AdminBinding() component.Object {
	return binding("provision:admins", "cluster-admin", "Group", AdminGroup)
}

func binding(name, role, kind, subject string) component.Object {
	return component.Object{
		Name: "ClusterRoleBinding/" + name,
		YAML: fmt.Sprintf(`apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: %s
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: %s
subjects:
- apiGroup: rbac.authorization.k8s.io
  kind: %s
  name: %s
`, name, role, kind, subject),
	}
}
