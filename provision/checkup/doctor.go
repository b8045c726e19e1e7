package checkup

import (
	"time"

	"provision/provision/component/etcd"
	"provision/provision/doctor"
	"provision/provision/fleet"
	"provision/provision/inventory"
)

// Doctor is a host as the doctor sees it.
func Doctor(inv *inventory.Inventory, f *fleet.Fleet, h inventory.Host, e *Expectation, c *Checkup) doctor.Host {
	d := doctor.Host{Name: h.Name, Master: h.Has(inventory.RoleMaster), Etcd: h.Has(inventory.RoleEtcd), Joins: h.Joins()}
	if err := f.Absent[h.Name].Why; err != nil {
		d.Error = err.Error()
		return d
	}
	m := f.Members[h.Name]
	if m == nil || e == nil || c == nil {
		d.Error = "it was not asked"
		return d
	}
	if c.Err != nil {
		d.Error = c.Err.Error()
		return d
	}
	d.New = m.Facts.Owned.Identity == nil && len(m.Facts.Owned.Resources) == 0
	d.Wants, d.Folders, d.Certs, d.Drift, d.Probes, d.Health = e.Units, e.Folders, e.renewals(), c.Drift, c.Probes, c.Health
	d.Restarts, d.Skew, d.Doubt = c.restarts, c.Skew, c.doubt
	d.Silent, d.Unmade = e.Silent(c.Health.Silent, true), e.unmade(m.Facts.Owned.Resources)
	for _, live := range e.live {
		if live.Relay {
			d.Relays = append(d.Relays, live.Unit)
		}
	}
	d.Reaches, d.Cut, d.NoService = c.reached.api && d.Joins, c.reached.cut && h.Managed(), c.reached.noService && d.Joins
	d.NoSwap = h.Joins() && inv.OS.Swap != "ignore"
	d.PeerURL, d.EtcdData, d.NoEtcdData = etcd.PeerURL(h), m.Facts.Etcd, !etcd.HasData(inv, m.Facts)
	return d
}

// renewals are how long before its end each certificate is renewed, by path.
func (e *Expectation) renewals() map[string]time.Duration {
	all := map[string]time.Duration{}
	for path, spec := range e.Certs {
		all[path] = spec.RenewBefore
	}
	return all
}
