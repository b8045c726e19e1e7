package timesync

import (
	"strings"

	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/inventory"
	"provision/provision/osfacts"
	"provision/provision/resource"
	"provision/provision/resource/file"
)

// New returns the component.
func New() component.Component { return chrony{} }

type chrony struct{}

func (chrony) Name() string { return "time" }

func (chrony) Runs(cluster *component.Cluster, host inventory.Host) bool {
	return cluster.Inventory.Time.Manage && host.Managed()
}

func (c chrony) Desired(cluster *component.Cluster, host inventory.Host) ([]resource.Resource, error) {
	s := component.NewSet(cluster, host, c.Name())
	known := osfacts.For(s.Facts.OS)
	installed := s.Package("chrony", true)
	// The package starts nothing: it would ask its own servers first.
	s.Add(file.New(host.Name, known.ChronyConfig, config(cluster.Inventory.Time.Servers), 0o644).
		After(installed).Restarting(known.ChronyUnit))
	s.Running(known.ChronyUnit)
	return s.Done()
}

func (c chrony) Artifacts(cluster *component.Cluster) []bundle.Ref {
	return component.PackageRefs(cluster, c, "chrony")
}

func (chrony) Rollout() component.Rollout { return component.Parallel }

func (chrony) Gate() component.Gate { return component.Gate{} }

func config(servers []string) string {
	var text strings.Builder
	text.WriteString("# Written by provision; change the inventory's time block instead.\n")
	if len(servers) == 0 {
		text.WriteString("pool pool.ntp.org iburst\n")
	}
	for _, server := range servers {
		text.WriteString("server " + server + " iburst\n")
	}
	text.WriteString(`driftfile /var/lib/chrony/chrony.drift
logdir /var/log/chrony
maxupdateskew 100.0
rtcsync
# Step a clock that is far off, but only before anything relies on it.
makestep 1 3
# A client only: no port for others.
port 0
cmdport 0
`)
	return text.String()
}
