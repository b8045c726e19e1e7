package sysctl

import "provision/provision/resource"

// Kind is the kind's name in addresses; the name of a resource is the key with
// dots: net.ipv4.ip_forward.
const Kind = "sysctl"

// Spec is a kernel parameter, set at once and at boot
// (/etc/sysctl.d/90-provision-<key>.conf).
type Spec struct {
	Value string `json:"value"`
	// AtLeast accepts a greater number than Value.
	AtLeast bool `json:"at_least,omitempty"`
	// Optional accepts a kernel that has no such key.
	Optional bool `json:"optional,omitempty"`
}

// New wants a kernel parameter.
func New(host, key, value string) resource.Resource {
	return resource.New(host, Kind, key, Spec{Value: value})
}
