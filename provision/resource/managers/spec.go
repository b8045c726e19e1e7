package managers

import "provision/provision/resource"

// Kind is the kind's name in addresses; the name of a resource is kubelet's
// unit.
const Kind = "managers"

// The policies with which the managers do nothing.
const (
	NoCPU    = "none"
	NoMemory = "None"
)

// Spec says with which settings the managers must have begun.
type Spec struct {
	Folder string `json:"folder"` // of kubelet
	CPU    string `json:"cpu"`    // the CPU manager's policy
	Memory string `json:"memory"` // the memory manager's policy
	// Reserved stands for all that the managers' memory depends on besides; ""
	// while both do nothing.
	Reserved string `json:"reserved,omitempty"`
}

// New wants the managers of a unit to have begun so. Pods keep their CPUs and
// memory only as long as their containers run, so the Node is emptied before.
func New(host, unit string, want Spec) resource.Resource {
	return resource.New(host, Kind, unit, want).Draining()
}
