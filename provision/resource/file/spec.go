package file

import (
	"provision/provision/internal/system"
	"provision/provision/resource"
	"provision/provision/secret"
)

// Kind is the kind's name in addresses; the name of a resource is the path.
const Kind = "file"

// Spec is the wanted content, inline (files of up to 1 MiB: configuration).
type Spec struct {
	Content string `json:"content"`
	// Secret is the content instead, when it must not be shown: it prints
	// nowhere, and plans have its keyed digest only.
	Secret secret.Wire `json:"secret,omitzero"`
	Attr   system.Attr `json:"attr"`
	// Validate is a command that must accept the new content before it
	// replaces the old; the argument "{}" becomes the path of the candidate.
	Validate []string `json:"validate,omitempty"`
	// DaemonReload is set for unit files and drop-ins.
	DaemonReload bool `json:"daemon_reload,omitempty"`
	// Until is a path: once something stands there, the file is left as it is
	// and never differs (first-boot settings: etcd reads initial-cluster only
	// while it has no data).
	Until string `json:"until,omitempty"`
	// First are endings of names, such as ".conf": the file must be the first of
	// its folder among those that have one of them.
	First []string `json:"first,omitempty"`
}

// New wants a file of root's.
func New(host, path, content string, mode uint32) resource.Resource {
	return resource.New(host, Kind, path, Spec{Content: content, Attr: system.Attr{Mode: mode}})
}

// First wants a file of root's that no other comes before, of those in its folder
// that have one of the endings.
func First(host, path, content string, mode uint32, endings ...string) resource.Resource {
	return resource.New(host, Kind, path, Spec{Content: content, Attr: system.Attr{Mode: mode}, First: endings})
}

// Secret wants a file of root's that only root reads and no plan shows.
func Secret(host, path string, content secret.Value) resource.Resource {
	return resource.New(host, Kind, path, Spec{Secret: secret.OnWire(content), Attr: system.Attr{Mode: 0o600}})
}

// text is the wanted content.
func (s Spec) text() string {
	if s.isSecret() {
		return s.Secret.Reveal()
	}
	return s.Content
}

func (s Spec) isSecret() bool { return !s.Secret.Empty() }

// Unit wants a systemd unit file or drop-in.
func Unit(host, name, content string) resource.Resource {
	return resource.New(host, Kind, "/etc/systemd/system/"+name,
		Spec{Content: content, Attr: system.Attr{Mode: 0o644}, DaemonReload: true})
}
