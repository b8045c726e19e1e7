package hosts

import "provision/provision/resource"

// Kind is the kind's name in addresses; the name of a resource is the block's
// mark: lines between "# BEGIN provision NAME" and "# END provision NAME" in
// /etc/hosts.
const Kind = "hosts"

// Spec is the block's lines, as in hosts(5). Everything else in the file is
// left alone.
type Spec struct {
	Lines []string `json:"lines"`
}

// New wants a block.
func New(host, mark string, lines ...string) resource.Resource {
	return resource.New(host, Kind, mark, Spec{Lines: lines})
}
