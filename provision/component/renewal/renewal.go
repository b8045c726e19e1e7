package renewal

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/internal/system"
	"provision/provision/inventory"
	"provision/provision/pki"
	"provision/provision/resource"
	"provision/provision/resource/cert"
	"provision/provision/resource/file"
)

// Timer starts the renewal, and Service is one.
const (
	Timer   = "provision-renew.timer"
	Service = "provision-renew.service"
)

// New returns the component for the certificates of others.
func New(of []component.Component) component.Component { return renewal{of} }

type renewal struct{ of []component.Component }

func (renewal) Name() string { return "renewal" }

func (renewal) Runs(*component.Cluster, inventory.Host) bool { return true }

func (r renewal) Desired(cluster *component.Cluster, host inventory.Host) ([]resource.Resource, error) {
	s := component.NewSet(cluster, host, r.Name())
	config, err := r.config(cluster, host)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("writing the list of certificates of host %s: %w", host.Name, err)
	}
	s.File(system.RenewalFile, string(text)+"\n", 0o600)
	s.Add(file.Unit(host.Name, Service, service))
	// A timer that was here before starts the service at once: nothing may be
	// missing then, and nothing that it guards goes before it does.
	var certs []resource.Address
	for _, one := range config.Certs {
		certs = append(certs, one.Address)
	}
	s.Service(Timer, timer, certs...)
	return s.Done()
}

// config is what the host shall have and how it gets it.
func (r renewal) config(cluster *component.Cluster, host inventory.Host) (cert.Renewal, error) {
	address := func(url string) string { return strings.TrimPrefix(url, "https://") }
	config := cert.Renewal{Host: host.Name, Life: cluster.Inventory.PKI.LeafLife, Client: component.HostPair,
		APIs: []string{address(component.BalancerURL)}, Serves: serves(cluster.Inventory, host)}
	if !host.Joins() { // it has no balancer
		config.APIs = nil
		for _, master := range cluster.Inventory.With(inventory.RoleMaster) {
			config.APIs = append(config.APIs, component.APIServer(master))
		}
		slices.Sort(config.APIs)
	}
	if config.Life <= 0 {
		config.Life = pki.LeafLife
	}
	if host.Has(inventory.RoleMaster) {
		config.Local = address(component.LocalAPIURL)
	}
	for _, c := range r.of {
		if !c.Runs(cluster, host) {
			continue
		}
		wanted, err := c.Desired(cluster, host)
		if err != nil {
			return config, err
		}
		if gate := c.Gate(); gate.URL != "" && c.Rollout() == component.OneAtATime {
			config.Gates = append(config.Gates, cert.RenewalGate{URL: gate.URL, CA: gate.CA})
		}
		for _, w := range wanted {
			if w.Address.Kind != cert.Kind {
				continue
			}
			var spec cert.Spec
			if err := json.Unmarshal(w.Spec, &spec); err != nil {
				return config, fmt.Errorf("reading spec of %s: %w", w.Address, err)
			}
			w.Requires, w.Component = nil, c.Name() // the rest is what apply records, too
			config.Certs = append(config.Certs, w)
		}
	}
	return config, nil
}

// serves are the authorities whose keys the host holds and that some host
// without the key has certificates of.
func serves(inv *inventory.Inventory, host inventory.Host) []string {
	var list []string
	asks := func(h inventory.Host) bool { return !h.Has(inventory.RoleMaster) }
	if host.Has(inventory.RoleMaster) && slices.ContainsFunc(inv.Hosts, asks) {
		list = append(list, component.CACluster)
	}
	if host.Has(inventory.RoleEtcd) && apart(inv) {
		list = append(list, component.CAEtcd)
	}
	return list
}

// apart reports whether there are masters without etcd: its hosts sign for them.
func apart(inv *inventory.Inventory) bool {
	return slices.ContainsFunc(inv.With(inventory.RoleMaster), func(h inventory.Host) bool { return !h.Has(inventory.RoleEtcd) })
}

func (renewal) Artifacts(*component.Cluster) []bundle.Ref { return nil }

func (renewal) Rollout() component.Rollout { return component.Parallel }

func (renewal) Gate() component.Gate { return component.Gate{} }

// The service waits for its authorities to sign, if they are elsewhere; the
// agent is the one that the last apply left.
const service = `[Unit]
Description=Renewal of this host's certificates
After=network-online.target
ConditionPathExists=` + system.AgentDir + `/current

[Service]
Type=oneshot
ExecStart=` + system.AgentDir + `/current renew
TimeoutStartSec=2h
Nice=10
`

// Hosts spread over the whole interval, each at its own time.
const timer = `[Unit]
Description=Renewal of this host's certificates, when they are due

[Timer]
OnCalendar=*:0/30
RandomizedDelaySec=30min
Persistent=true

[Install]
WantedBy=timers.target
`
