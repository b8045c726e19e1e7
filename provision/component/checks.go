package component

import (
	"time"

	"provision/provision/inventory"
)

// Checked is implemented by components of which more is to be looked at than
// their units, ports and gate tell: before a host joins, and by the doctor.
type Checked interface {
	// Checks are those of a host that runs the component. Pure; the host's facts
	// may be missing.
	Checks(c *Cluster, host inventory.Host) Checks
}

// Checks say what of a host is looked at.
type Checks struct {
	// Folders are those that fill up.
	Folders []Folder
	// Modules are kernel modules without which it does not work.
	Modules []string
}

// Folder is one that a component fills.
type Folder struct {
	Path string
	// Least is what a new host must have free there, Enough what it should, in
	// bytes; those of one file system add up.
	Least, Enough int64
	// Room is below how many percent free of the file system the component stops
	// working as it should, because of Why; 0: only bytes count.
	Room int64
	Why  string
	// Local: locks and synced writes must hold, as they do not on a network's file
	// system. Layers: file systems are stacked on it.
	Local, Layers bool
	// Holds says what a reboot must not lose: "this etcd member's data".
	Holds string
	// Writes says how quick synced writes must be; nil: however slow.
	Writes *Writes
}

// Writes is how quick synced writes must be.
type Writes struct {
	// Within is what 99 of 100 must not exceed, because of Why.
	Within time.Duration
	Why    string
	// Worst is what half of them must not exceed, because of WhyWorst; 0: they may.
	Worst    time.Duration
	WhyWorst string
	Remedy   string
}

// ChecksOf are those of all components that a host runs.
func ChecksOf(c *Cluster, host inventory.Host) Checks {
	var all Checks
	for _, one := range c.Components {
		if checked, ok := one.(Checked); ok && one.Runs(c, host) {
			own := checked.Checks(c, host)
			all.Folders, all.Modules = append(all.Folders, own.Folders...), append(all.Modules, own.Modules...)
		}
	}
	return all
}

// Measured is implemented by components whose services tell figures of theirs, as
// Prometheus reads them.
type Measured interface {
	// Metrics are those of a host that runs the component. Pure.
	Metrics(c *Cluster, host inventory.Host) []Metrics
}

// Metrics is where a service tells its figures.
type Metrics struct {
	Unit   string `json:"unit"`
	Scheme string `json:"scheme"`
	Port   int    `json:"port"`
	Path   string `json:"path"`
	// Loopback: only who runs on the host can ask.
	Loopback bool `json:"loopback,omitempty"`
	// Access: it takes an identity that the API allows to read these figures.
	Access bool `json:"access,omitempty"`
}

// MetricsOf are those of all services of a host.
func MetricsOf(c *Cluster, host inventory.Host) []Metrics {
	var all []Metrics
	for _, one := range c.Components {
		if measured, ok := one.(Measured); ok && one.Runs(c, host) {
			all = append(all, measured.Metrics(c, host)...)
		}
	}
	return all
}
