package controlplane

import (
	"fmt"
	"slices"
	"strings"

	"provision/provision/component"
	"provision/provision/inventory"
)

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

// audit is the policy of a cluster. What the programs of its components read is
// not recorded.
func audit(c *component.Cluster) string {
	var users []string
	for _, one := range c.Components {
		client, ok := one.(component.APIClient)
		if !ok || !slices.ContainsFunc(c.Inventory.Hosts, func(h inventory.Host) bool { return one.Runs(c, h) }) {
			continue
		}
		for _, program := range client.Clients() {
			if program.User != "" {
				users = append(users, program.User)
			}
		}
	}
	return fmt.Sprintf(auditText, strings.Join(append(users, "system:apiserver"), `", "`))
}

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
  users: ["%s"]
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
