package loadbalancer

import (
	"fmt"
	"sort"
	"strings"

	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/component/controlplane"
	"provision/provision/internal/system"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/file"
	"provision/provision/resource/residue"
)

const (
	// Unit is HAProxy's service.
	Unit = "haproxy.service"

	configFile = "/etc/haproxy/haproxy.cfg"
)

// New returns the component.
func New() component.Component { return balancer{} }

type balancer struct{}

func (balancer) Name() string { return "loadbalancer" }

func (balancer) Runs(_ *component.Cluster, host inventory.Host) bool { return host.Joins() }

func (b balancer) Desired(cluster *component.Cluster, host inventory.Host) ([]resource.Resource, error) {
	s := component.NewSet(cluster, host, b.Name())
	installed := s.Package("haproxy", true)
	s.Add(residue.New(host.Name, b.Name(), residue.Spec{Paths: []string{"/var/lib/haproxy"}}))
	// Its check reads the CA and needs the program. A reload keeps open
	// connections; a restart would cut every watch on the host.
	spec := file.Spec{
		Content:  config(cluster),
		Attr:     system.Attr{Mode: 0o644},
		Validate: []string{"/usr/sbin/haproxy", "-c", "-q", "-f", "{}"},
	}
	s.Add(resource.New(host.Name, file.Kind, configFile, spec).
		After(installed, component.CAAt(host.Name)).Reloading(Unit))
	s.Running(Unit)
	return s.Done()
}

func (b balancer) Artifacts(cluster *component.Cluster) []bundle.Ref {
	return component.PackageRefs(cluster, b, "haproxy")
}

// Clients implements component.APIClient.
func (balancer) Clients() []component.Client { return []component.Client{{Unit: Unit, Reload: true}} }

func (balancer) Rollout() component.Rollout { return component.Parallel }

func (balancer) Gate() component.Gate {
	return component.Gate{Live: []component.Live{{Unit: Unit, URL: component.BalancerURL + "/livez", CA: component.ClusterCA, Relay: true}}}
}

// Clusterwide is a barrier before masters go: no balancer sends requests to them.
// All balancers have ended their turn, and one is enough: those that failed lose
// the master by their checks.
func (balancer) Clusterwide(c *component.Cluster) (component.Wide, error) {
	leaving := c.Losing(controlplane.Name)
	if len(leaving) == 0 {
		return component.Wide{}, nil
	}
	done := component.Barrier{Address: component.BarrierAt("balancers"), Settle: true, Need: 1}
	for _, h := range c.Answered() {
		done.Of = append(done.Of, component.UnitAt(h.Name, Unit))
	}
	w := component.Wide{Barriers: []component.Barrier{done}, Leaves: map[string]component.Leave{}}
	for _, l := range leaving {
		w.Leaves[l.Host.Name] = component.Leave{First: []resource.Address{done.Address}}
	}
	return w, nil
}

func config(cluster *component.Cluster) string {
	var servers []string
	for _, h := range cluster.Inventory.With(inventory.RoleMaster) {
		if cluster.Isolated[h.Name] {
			continue
		}
		servers = append(servers, fmt.Sprintf("  server %s %s", h.Name, endpoint(h)))
	}
	sort.Strings(servers)
	return fmt.Sprintf(configText, component.BalancerPort, component.ClusterCA, strings.Join(servers, "\n"))
}

func endpoint(host inventory.Host) string {
	address := host.Address.String()
	if host.Address.Is6() {
		address = "[" + address + "]"
	}
	return fmt.Sprintf("%s:%d", address, component.APIPort)
}

// Watches may be silent for long, exec sessions for hours, hence the long
// timeouts; TCP keepalive finds peers that are gone. A master that is marked
// down loses its connections at once, so that clients turn to another. After a
// reload the old process, which checks nothing any more and may still talk to a
// master that was taken out, ends within seconds, not hours. HAProxy
// wants two file descriptors for each of maxconn and refuses to start without:
// 4000 is far more than one host's programs open and fits usual limits.
const configText = `# Written by provision; changes are lost.
global
  log stdout format raw local0 notice
  maxconn 4000
  hard-stop-after 10s
  user haproxy
  group haproxy

defaults
  mode tcp
  log global
  option clitcpka
  option srvtcpka
  option dontlognull
  option redispatch 1
  retries 3
  timeout connect 3s
  timeout queue 5s
  timeout check 3s
  timeout client 4h
  timeout server 4h

frontend kube-apiserver
  bind 127.0.0.1:%d
  default_backend kube-apiservers

backend kube-apiservers
  balance leastconn
  option httpchk GET /readyz
  http-check expect status 200
  default-server check check-ssl check-sni kubernetes verify required verifyhost kubernetes ca-file %s inter 2s fastinter 500ms downinter 1s fall 2 rise 1 on-marked-down shutdown-sessions
%s
`
