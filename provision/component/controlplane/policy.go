package controlplane

// authenticationText lets nobody in without a name, except to ask for health.
const authenticationText = `apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
anonymous:
  enabled: true
  conditions:
  - path: /livez
  - path: /readyz
  - path: /healthz
`

// auditText records who did what, without the contents of secrets and without
// the chatter of the system's own reads.
const auditText = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- level: None
  nonResourceURLs: ["/livez*", "/readyz*", "/healthz*", "/version", "/openapi*", "/metrics"]
- level: None
  verbs: [get, list, watch]
  users: ["system:kube-scheduler", "system:kube-controller-manager", "system:kube-proxy", "system:flannel", "system:apiserver"]
- level: None
  userGroups: ["system:nodes"]
  verbs: [get, list, watch]
- level: None
  resources:
  - group: coordination.k8s.io
    resources: [leases]
  - group: ""
    resources: [events]
  - group: events.k8s.io
    resources: [events]
- level: None
  userGroups: ["system:nodes"]
  verbs: [update, patch]
  resources:
  - group: ""
    resources: ["nodes/status", "pods/status"]
- level: Metadata
  resources:
  - group: ""
    resources: [secrets, configmaps, "serviceaccounts/token"]
  - group: authentication.k8s.io
    resources: [tokenreviews]
- level: Metadata
  verbs: [get, list, watch]
- level: Request
`
