package file

import (
	"provision/provision/internal/system"
	"provision/provision/resource"
)

// Kind is the kind's name in addresses; the name of a resource is the path.
const Kind = "file"

// Spec is the wanted content, inline and in clear (files of up to 1 MiB:
// configuration). Secret content only ever shows as a keyed digest.
type Spec struct {
	Content string      `json:"content"`
	Attr    system.Attr `json:"attr"`
	Secret  bool        `json:"secret,omitempty"`
	// Validate is a command that must accept the new content before it
	// replaces the old; the argument "{}" becomes the path of the candidate.
	Validate []string `json:"validate,omitempty"`
	// DaemonReload is set for unit files and drop-ins.
	DaemonReload bool `json:"daemon_reload,omitempty"`
	// Until is a path: once something stands there, the file is left as it is
	// and never differs (first-boot settings: etcd reads initial-cluster only
	// while it has no data).
	Until string `json:"until,omitempty"`
}

// New wants a file of root's.
func New(host, path, content string, mode uint32) resource.Resource {
	return resource.New(host, Kind, path, Spec{Content: content, Attr: system.Attr{Mode: mode}})
}

// Unit wants a systemd unit file or drop-in.
func Unit(host, name, content string) resource.Resource {
	return resource.New(host, Kind, "/etc/systemd/system/"+name,
		Spec{Content: content, Attr: system.Attr{Mode: 0o644}, DaemonReload: true})
}
