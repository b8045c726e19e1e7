package renewal

import (
	"strings"

	"provision/provision/component"
	"provision/provision/inventory"
	"provision/provision/pki"
	"provision/provision/resource/cert"
)

// objects let hosts ask for certificates, and etcd hosts sign what masters
// without etcd ask for. Masters need no leave: they hold the cluster's authority.
func objects(cluster *component.Cluster) []component.Object {
	list := []component.Object{{Name: "ClusterRoleBinding/provision:hosts", YAML: `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: provision:hosts
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: system:node-bootstrapper
subjects:
- apiGroup: rbac.authorization.k8s.io
  kind: Group
  name: ` + pki.Hosts + "\n"}}
	if !apart(cluster.Inventory) {
		return list
	}
	var signers strings.Builder
	for _, h := range cluster.Inventory.With(inventory.RoleEtcd) {
		signers.WriteString("- apiGroup: rbac.authorization.k8s.io\n  kind: User\n  name: " + pki.HostUser(h.Name) + "\n")
	}
	return append(list, component.Object{Name: "ClusterRole/provision:etcd-signer", YAML: etcdSigner},
		component.Object{Name: "ClusterRoleBinding/provision:etcd-signer", YAML: etcdSigners + signers.String()})
}

const etcdSigner = `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: provision:etcd-signer
rules:
- apiGroups: [certificates.k8s.io]
  resources: [certificatesigningrequests/approval, certificatesigningrequests/status]
  verbs: [update]
- apiGroups: [certificates.k8s.io]
  resources: [signers]
  resourceNames: [` + cert.EtcdSigner + `]
  verbs: [approve, sign]
`

const etcdSigners = `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: provision:etcd-signer
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: provision:etcd-signer
subjects:
`

// Clusterwide implements component.Clusterwide.
func (renewal) Clusterwide(c *component.Cluster) (component.Wide, error) {
	return component.Manifested(objects(c)...)
}
