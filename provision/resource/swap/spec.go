package swap

import "provision/provision/resource"

// Kind is the kind's name in addresses; the only name is "all".
const Kind = "swap"

// Spec turns all swap off, now (swapoff) and at boot (fstab lines commented,
// swap units masked).
type Spec struct {
	Off bool `json:"off"`
}

// Off wants no swap.
func Off(host string) resource.Resource { return resource.New(host, Kind, "all", Spec{Off: true}) }
