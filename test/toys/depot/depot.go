package depot

import (
	"provision/provision/bundle"
	"provision/provision/bundle/catalogue"
	"provision/provision/component"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/cert"
)

const (
	// Name of the component.
	Name = "depot"
	// Unit is its service.
	Unit = "depot.service"

	configDir = "/etc/depot"
)

// New returns the component.
func New() component.Component { return depot{} }

// Row is its program in the bundle's catalogue; its family is versions { depot }.
func Row() catalogue.Entry {
	return catalogue.Entry{Name: "depotd", Format: bundle.Binary, Family: Name, Default: "1.4.0",
		Go:       &catalogue.GoSource{Module: "depot.example/depot", Version: "v{version}", Package: "depot.example/depot/cmd/depotd"},
		Upstream: &catalogue.Upstream{URL: "https://depot.example/{version}/depotd-{arch}", Checksum: "https://depot.example/{version}/SHA256SUMS"}}
}

type depot struct{}

func (depot) Name() string { return Name }

func (depot) Runs(_ *component.Cluster, h inventory.Host) bool { return h.Has(Role) }

func (d depot) Artifacts(c *component.Cluster) []bundle.Ref { return component.Refs(c, d, "depotd") }

func (d depot) Desired(c *component.Cluster, h inventory.Host) ([]resource.Resource, error) {
	given, s := settings(c.Inventory), component.NewSet(c, h, Name)
	s.Dir(given.disk(h.Name), 0o700)
	s.Dir(configDir, 0o755)
	s.From(s.File(configDir+"/depot.conf", given.config(h.Name), 0o644, Unit), "depot", "etcd.depot")
	s.Cert(configDir+"/server", cert.Spec{CA: component.CACluster, CommonName: "depot:" + h.Name, Server: true, IPs: []string{h.Address.String()}}, Unit)
	s.Binary("depotd", Unit)
	s.Service(Unit, "[Service]\nExecStart="+component.BinDir+"/depotd "+configDir+"/depot.conf\n[Install]\nWantedBy=multi-user.target\n", component.CAAt(h.Name))
	return s.Done()
}

// Rollout: blobs lie on more than one host, so one may be away.
func (depot) Rollout() component.Rollout { return component.OneAtATime }

// Gate: the others must find the member healthy again.
func (depot) Gate() component.Gate {
	return component.Gate{Unchanged: func(_ *component.Cluster, h inventory.Host) resource.Resource {
		return member(h, MemberSpec{Address: h.Address.String(), Healthy: true})
	}}
}

// Around implements component.Arounder: the others send nothing meanwhile.
func (depot) Around(_ *component.Cluster, h inventory.Host) (before, after []resource.Resource) {
	mark := func(name string, paused bool) []resource.Resource {
		return []resource.Resource{resource.New(resource.ClusterHost, PauseKind, h.Name+" "+name, PauseSpec{Host: h.Name, Paused: paused}).After(component.APIAt())}
	}
	return mark("pause", true), mark("resume", false)
}

// Ports implements component.Listener.
func (depot) Ports(c *component.Cluster, _ inventory.Host) []component.Port {
	return []component.Port{{Number: settings(c.Inventory).Depot.Port, Unit: Unit, From: func(h inventory.Host) bool { return h.Managed() }}}
}

// Checks implements component.Checked.
func (depot) Checks(c *component.Cluster, h inventory.Host) component.Checks {
	given := settings(c.Inventory)
	return component.Checks{Modules: []string{"loop"}, Folders: []component.Folder{{Path: given.disk(h.Name), Least: 1 << 30, Enough: 10 << 30, Local: true,
		Room: int64(given.Depot.KeepFree), Why: "a depot takes no more blobs below keep_free", Holds: "blobs"}}}
}

// Metrics implements component.Measured.
func (depot) Metrics(c *component.Cluster, _ inventory.Host) []component.Metrics {
	return []component.Metrics{{Unit: Unit, Scheme: "https", Port: settings(c.Inventory).Depot.Port, Path: "/metrics"}}
}
