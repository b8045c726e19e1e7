package hugepages

import "provision/provision/resource"

// Kind is the kind's name in addresses; the name of a resource is the size of a
// page in KiB: 2048, 1048576.
const Kind = "hugepages"

// Spec is how many pages of the size there are.
type Spec struct {
	Count int `json:"count"`
}

// New wants pages. kubelet counts them when it starts.
func New(host, kib string, count int, units ...string) resource.Resource {
	return resource.New(host, Kind, kib, Spec{Count: count}).Restarting(units...).Draining()
}
