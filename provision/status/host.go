package status

import (
	"math"
	"path"
	"slices"
	"time"

	"provision/provision/agent/api"
	"provision/provision/checkup"
	"provision/provision/doctor"
	"provision/provision/inventory"
	"provision/provision/kube"
)

// HostStatus is one host.
type HostStatus struct {
	Name    string           `json:"name"`
	Address string           `json:"address"`
	Roles   []inventory.Role `json:"roles"`
	OS      string           `json:"os,omitempty"`
	Kernel  string           `json:"kernel,omitempty"`
	Node    *kube.NodeStatus `json:"node,omitempty"`
	// Services are those that the host's roles require.
	Services []ServiceStatus `json:"services,omitempty"`
	// Programs are those that provision installs.
	Programs []ProgramStatus `json:"programs,omitempty"`
	// Certificates are sorted: the one that ends first is first.
	Certificates []CertificateStatus `json:"certificates,omitempty"`
	// CertificateDays is how long the first of them has to live.
	CertificateDays *int `json:"certificate_days,omitempty"`
	// ShortOfRoom are folders with less room than what fills them needs.
	ShortOfRoom []string `json:"short_of_room,omitempty"`
	// LockedBy is who works on the host now.
	LockedBy string `json:"locked_by,omitempty"`
	// PendingRestarts are units that still run with old inputs.
	PendingRestarts []string `json:"pending_restarts,omitempty"`
	Error           string   `json:"error,omitempty"` // the host did not answer
	// Isolated: an operator took the host out of service.
	Isolated bool `json:"isolated,omitempty"`
	// NeedsBoot says why the host should be rebooted.
	NeedsBoot []string `json:"needs_boot,omitempty"`
	// Rebooting is since when the host is to be rebooted, by a run that has not come
	// to its end.
	Rebooting time.Time `json:"rebooting,omitzero"`
}

// ServiceStatus is a service of a host.
type ServiceStatus struct {
	Unit      string `json:"unit"`
	Component string `json:"component"`
	// State is running, or what is wrong: failed, restarting, starting,
	// stopped, masked, missing, not enabled, runs but does not answer, unhealthy.
	State string `json:"state"`
	// Why says more of a state that is "unhealthy": the unit runs, and its
	// component's health is not as it should be.
	Why      string `json:"why,omitempty"`
	Restarts int    `json:"restarts,omitempty"`
}

// ProgramStatus is a program of a host. Version is "" while it is missing, and
// "other" when it is none that this provision knows.
type ProgramStatus struct {
	Name    string `json:"name"`
	Path    string `json:"path"`
	Version string `json:"version,omitempty"`
	Wanted  string `json:"wanted"`
}

// CertificateStatus is a certificate of a host.
type CertificateStatus struct {
	Path     string    `json:"path"`
	Subject  string    `json:"subject,omitempty"`
	NotAfter time.Time `json:"not_after,omitzero"`
	DaysLeft int       `json:"days_left"`
	Error    string    `json:"error,omitempty"`
}

// Running reports whether all that the host must run does.
func (h *HostStatus) Running() bool {
	return !slices.ContainsFunc(h.Services, func(s ServiceStatus) bool { return s.State != "running" })
}

// certain is whether certificates are there and have not ended.
func (h *HostStatus) certain() bool {
	return !slices.ContainsFunc(h.Certificates, func(c CertificateStatus) bool { return c.Error != "" || c.DaysLeft < 0 })
}

// fill adds what a checkup found.
func (h *HostStatus) fill(e *checkup.Expectation, c *checkup.Checkup, known map[string]string) {
	components := map[string]string{}
	for _, w := range e.Units {
		components[w.Unit] = w.Component
	}
	for _, u := range c.Health.Units {
		h.Services = append(h.Services, ServiceStatus{Unit: u.Name, Component: components[u.Name], State: serviceState(u), Restarts: u.Restarts})
	}
	for _, f := range c.Health.Files {
		spec := e.Binaries[f.Path]
		p := ProgramStatus{Name: path.Base(f.Path), Path: f.Path, Wanted: spec.Version}
		switch version, ok := known[f.SHA256]; {
		case f.SHA256 == "":
		case f.SHA256 == spec.SHA256:
			p.Version = spec.Version
		case ok:
			p.Version = version
		default:
			p.Version = "other"
		}
		h.Programs = append(h.Programs, p)
	}
	for _, found := range c.Health.Certs {
		s := CertificateStatus{Path: found.Path, Subject: found.Subject, NotAfter: found.NotAfter, Error: found.Error}
		if s.Error == "" {
			s.DaysLeft = int(math.Floor(found.NotAfter.Sub(c.Health.Clock).Hours() / 24))
		}
		h.Certificates = append(h.Certificates, s)
	}
	slices.SortStableFunc(h.Certificates, func(a, b CertificateStatus) int { return a.NotAfter.Compare(b.NotAfter) })
	if len(h.Certificates) > 0 {
		h.CertificateDays = &h.Certificates[0].DaysLeft
	}
	for _, folder := range doctor.Short(c.Health.Disks, e.Folders) {
		h.ShortOfRoom = append(h.ShortOfRoom, folder.Path)
	}
	slices.Sort(h.ShortOfRoom)
	if c.Health.Lock != nil {
		h.LockedBy = c.Health.Lock.Holder
	}
}

// silence marks the services that run and do not answer.
func (h *HostStatus) silence(units []string) {
	for i := range h.Services {
		if s := &h.Services[i]; s.State == "running" && slices.Contains(units, s.Unit) {
			s.State = "runs but does not answer"
		}
	}
}

// unhealthy marks the services that run, and of which their component's own
// measure says that they do not do well.
func (h *HostStatus) unhealthy(probes []doctor.Probe) {
	for i := range h.Services {
		s := &h.Services[i]
		at := slices.IndexFunc(probes, func(p doctor.Probe) bool { return p.Unit == s.Unit && p.Error != "" })
		if s.State == "running" && at >= 0 {
			s.State, s.Why = "unhealthy", probes[at].Error
		}
	}
}

func serviceState(u api.Unit) string {
	switch {
	case u.Masked():
		return "masked"
	case u.Load == "not-found":
		return "missing"
	case u.Running() && !u.Well():
		return "not enabled"
	case u.Running():
		return "running"
	case u.Sub == "auto-restart" || u.Active == "activating" && u.Restarts > 0:
		return "restarting"
	case u.Active == "activating":
		return "starting"
	case u.Active == "failed":
		return "failed"
	}
	return "stopped"
}
