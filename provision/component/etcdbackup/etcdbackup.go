package etcdbackup

import (
	"net"
	"strconv"

	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/component/controlplane"
	"provision/provision/component/etcd"
	"provision/provision/etcd/backup/config"
	"provision/provision/etcd/backup/target"
	"provision/provision/internal/system"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/file"
	"provision/provision/resource/residue"
)

const (
	// Name is the component's.
	Name = "etcdbackup"
	// Program is what its units start.
	Program = "provision-etcd"
	// ReceiverPort is where hosts take in backups for their folders.
	ReceiverPort = 2382
)

// New returns the component.
func New() component.Component { return etcdbackup{} }

type etcdbackup struct{}

func (etcdbackup) Name() string { return Name }

// Runs implements component.Component: etcd's hosts take backups, masters hold
// keys that a restore needs.
func (etcdbackup) Runs(cluster *component.Cluster, host inventory.Host) bool {
	return SettingsOf(cluster.Inventory).Enabled && host.Keeper()
}

func (e etcdbackup) Desired(cluster *component.Cluster, host inventory.Host) ([]resource.Resource, error) {
	settings := SettingsOf(cluster.Inventory)
	s := component.NewSet(cluster, host, e.Name())
	s.Add(residue.New(host.Name, e.Name(), residue.Spec{Paths: []string{config.StateDir}}))
	s.Dir(config.Dir, 0o700)
	s.Binary(Program)
	config := hostConfig(cluster.Inventory, host, settings)
	text, err := config.JSON()
	if err != nil {
		return nil, err
	}
	s.Add(file.Secret(host.Name, configPath, text))
	s.Add(file.Unit(host.Name, Service, service))
	s.Add(file.Unit(host.Name, EscrowService, escrowService))
	start := []resource.Address{} // what the programs speak to, or with
	if host.Has(inventory.RoleEtcd) {
		start = append(start, component.UnitAt(host.Name, etcd.Unit))
	} else {
		start = append(start, component.UnitAt(host.Name, controlplane.APIServer))
	}
	if config.Receiver != nil {
		s.Add(file.Unit(host.Name, ReceiveService, receiveService))
		s.Service(Socket, socketUnit(config.Receiver.Address), start...)
	}
	s.Service(EscrowPath, escrowPath, start...)
	s.Service(Timer, timerUnit(settings), start...)
	return s.Done()
}

const configPath = config.Path

func (e etcdbackup) Artifacts(cluster *component.Cluster) []bundle.Ref {
	if !SettingsOf(cluster.Inventory).Enabled {
		return nil
	}
	return component.Refs(cluster, e, Program)
}

func (etcdbackup) Rollout() component.Rollout { return component.Parallel }

func (etcdbackup) Gate() component.Gate { return component.Gate{} }

// Ports implements component.Listener.
func (etcdbackup) Ports(c *component.Cluster, host inventory.Host) []component.Port {
	for _, t := range SettingsOf(c.Inventory).Targets {
		if t.Local != nil && t.Local.Host == host.Name {
			return []component.Port{{Number: ReceiverPort, Unit: Socket, From: inventory.Host.Keeper}}
		}
	}
	return nil
}

// Checks implements component.Checked.
func (etcdbackup) Checks(c *component.Cluster, host inventory.Host) component.Checks {
	var checks component.Checks
	for _, t := range SettingsOf(c.Inventory).Targets {
		if t.Local != nil && t.Local.Host == host.Name {
			checks.Folders = append(checks.Folders, component.Folder{Path: t.Local.Path, Least: 1 << 28, Enough: 2 << 30, Holds: "backups of etcd"})
		}
	}
	return checks
}

// masterItems and etcdItems are what a restore on new hosts needs of the
// identity, by who holds it.
func masterItems() []string {
	return []string{system.ClusterCA, system.ClusterKey, system.FrontProxyCA, system.FrontProxyKey, system.ServiceKey, system.ServicePub, system.Encryption}
}

func etcdItems() []string { return []string{system.EtcdCA, system.EtcdKey} }

func hostConfig(inv *inventory.Inventory, host inventory.Host, s Settings) config.Config {
	c := config.Config{
		ClusterName: inv.Cluster.Name, Host: host.Name, Kubernetes: inv.Cluster.Versions.Kubernetes(), Etcd: inv.Cluster.Versions.Etcd(),
		Endpoints: map[string]string{}, Schedule: s.Schedule, MaxAge: s.MaxAge, Recipients: s.Recipients, Keep: s.Keep, Metrics: s.Metrics,
		Targets: Targets(inv), AllItems: append(masterItems(), etcdItems()...),
	}
	for _, h := range inv.With(inventory.RoleEtcd) {
		c.Endpoints[h.Name] = etcd.ClientURL(h)
	}
	if host.Has(inventory.RoleMaster) {
		c.Items = append(c.Items, masterItems()...)
		c.Pair = config.Pair{CA: component.PKIDir + "/etcd-ca.crt", Cert: component.PKIDir + "/apiserver-etcd-client.crt", Key: component.PKIDir + "/apiserver-etcd-client.key"}
	}
	if host.Has(inventory.RoleEtcd) {
		c.Items = append(c.Items, etcdItems()...)
		c.Pair = config.Pair{CA: etcd.PKIDir + "/ca.crt", Cert: etcd.PKIDir + "/client.crt", Key: etcd.PKIDir + "/client.key"}
		c.DataDir = etcd.DataDir(inv)
		c.Scratch = scratch(s)
	}
	for _, t := range c.Targets {
		if t.Local != nil && t.Local.Host == host.Name {
			c.Receiver = &config.Receiver{Target: t.Name, Path: t.Local.Path, Address: t.Local.Address,
				Pair: config.Pair{CA: etcd.PKIDir + "/ca.crt", Cert: etcd.PKIDir + "/server.crt", Key: etcd.PKIDir + "/server.key"}}
		}
	}
	return c
}

// scratch are the places where a backup is proven, in order.
func scratch(s Settings) []string {
	if s.Scratch != "" {
		return []string{s.Scratch + "/" + Program}
	}
	return []string{config.StateDir + "/scratch", "/var/tmp/" + Program, "/srv/" + Program, "/home/" + Program}
}

// Targets are all targets of an inventory, with addresses.
func Targets(inv *inventory.Inventory) []target.Spec {
	var list []target.Spec
	for _, t := range SettingsOf(inv).Targets {
		if t.Local != nil {
			local := *t.Local
			if h, ok := inv.Host(local.Host); ok {
				local.Address = net.JoinHostPort(h.Address.String(), strconv.Itoa(ReceiverPort))
			}
			t.Local = &local
		}
		list = append(list, t)
	}
	return list
}
