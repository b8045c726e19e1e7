package controlplane

import (
	"fmt"

	"provision/provision/component"
	"provision/provision/pki"
)

const (
	// AdminGroup is the group of the operators' certificates.
	AdminGroup    = pki.Admin
	kubeletClient = "kube-apiserver-kubelet-client"
)

// Objects are the bindings that the control plane and its operators need.
func (controlPlane) Objects(*component.Cluster) ([]component.Object, error) {
	return []component.Object{
		AdminBinding(),
		binding("provision:apiserver-to-kubelet", "system:kubelet-api-admin", "User", kubeletClient),
		// kubelets may have the client certificates signed that they rotate to.
		binding("provision:kubelet-rotation", "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
			"Group", "system:nodes"),
	}, nil
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
