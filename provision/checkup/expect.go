package checkup

import (
	"encoding/json"
	"slices"
	"strings"

	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/doctor"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/binary"
	"provision/provision/resource/cert"
	"provision/provision/resource/directory"
	"provision/provision/resource/unit"
)

// Expectation is what a host must have, and what of it is looked at.
type Expectation struct {
	Resources []resource.Resource
	Units     []doctor.Want
	Binaries  map[string]binary.Spec
	Certs     map[string]cert.Spec // by path
	Metrics   []component.Metrics
	Folders   []component.Folder
	disks     []string
	probes    []doctor.Probe
	gates     []component.Gate // of the probes
	unchanged []unchanged
	live      []component.Live
}

// Expect works out what hosts must have, without anything that the operator's
// store or the cluster would have to tell: a doctor is asked when they cannot.
// A component that cannot say what it wants is left out.
func Expect(c component.Cluster, components []component.Component, hosts []inventory.Host) map[string]*Expectation {
	c.Artifacts, c.Components = lenient{c.Artifacts}, components
	all := map[string]*Expectation{}
	for _, h := range hosts {
		e := &Expectation{Binaries: map[string]binary.Spec{}, Certs: map[string]cert.Spec{},
			disks: []string{"/", "/var/log", "/var/lib"}}
		e.Folders = component.ChecksOf(&c, h).Folders
		for _, folder := range e.Folders {
			e.disks = append(e.disks, folder.Path)
		}
		e.Metrics = component.MetricsOf(&c, h)
		for _, one := range components {
			if !one.Runs(&c, h) {
				continue
			}
			if wanted, err := one.Desired(&c, h); err == nil {
				e.add(one, wanted)
				e.addUnchanged(&c, one, h)
			}
		}
		all[h.Name] = e
	}
	return all
}

// add takes in what a component wants.
func (e *Expectation) add(c component.Component, wanted []resource.Resource) {
	gate := c.Gate()
	e.live = append(e.live, gate.Live...)
	for _, r := range wanted {
		r.Component = c.Name()
		name := r.Address.Name
		switch r.Address.Kind {
		case unit.Kind:
			w := want(r)
			if router, ok := c.(component.Router); ok {
				w.Routes = router.Routes() == name
			}
			e.Units = append(e.Units, w)
			if gate.URL != "" { // it is of the component's first unit
				e.probes = append(e.probes, doctor.Probe{Unit: name, URL: gate.URL})
				e.gates, gate.URL = append(e.gates, gate), ""
			}
		case binary.Kind:
			var spec binary.Spec
			if json.Unmarshal(r.Spec, &spec) == nil {
				e.Binaries[name] = spec
			}
			if spec.SHA256 == "" {
				continue // not in the store: nothing to compare with
			}
		case cert.Kind:
			var spec cert.Spec
			if json.Unmarshal(r.Spec, &spec) == nil {
				e.Certs[name] = spec
			}
		case directory.Kind:
			if strings.HasPrefix(name, "/var/") {
				e.disks = append(e.disks, name)
			}
		}
		if !unknown(r) {
			e.Resources = append(e.Resources, r)
		}
	}
}

// unchanged is a resource that tells of a component's health.
type unchanged struct {
	unit     string
	resource resource.Resource
}

// addUnchanged takes in a gate that is a resource.
func (e *Expectation) addUnchanged(c *component.Cluster, one component.Component, h inventory.Host) {
	gate := one.Gate()
	at := slices.IndexFunc(e.Units, func(w doctor.Want) bool { return w.Component == one.Name() })
	if gate.Unchanged != nil && at >= 0 {
		e.unchanged = append(e.unchanged, unchanged{e.Units[at].Unit, gate.Unchanged(c, h)})
	}
}

func want(r resource.Resource) doctor.Want {
	w := doctor.Want{Unit: r.Address.Name, Component: r.Component}
	for _, need := range r.Requires {
		if need.Kind == unit.Kind && need.Host == r.Address.Host {
			w.Needs = append(w.Needs, need.Name)
		}
	}
	return w
}

// unknown reports whether a resource is of an artifact that the store lacks.
func unknown(r resource.Resource) bool {
	return slices.Contains(r.Blobs, "") || slices.Contains(r.Blobs, missingDigest)
}

const missingDigest = "-"

// lenient answers for artifacts that are not in the store, too: what a host
// must have can be told without their content.
type lenient struct{ bundle.Resolver }

func (l lenient) Resolve(ref bundle.Ref) ([]bundle.Artifact, error) {
	found, err := l.Resolver.Resolve(ref)
	if err == nil || strings.HasPrefix(ref.Name, "deb-") { // packages have another source, too
		return found, err
	}
	return []bundle.Artifact{{Ref: ref, SHA256: missingDigest, Image: ref.Name, Manifest: missingDigest}}, nil
}
