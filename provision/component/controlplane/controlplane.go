package controlplane

import (
	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/component/judge"
	"provision/provision/diag"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/cert"
)

// The services.
const (
	APIServer         = "kube-apiserver.service"
	ControllerManager = "kube-controller-manager.service"
	Scheduler         = "kube-scheduler.service"
)

// Name is the component's.
const Name = "controlplane"

// New returns the component.
func New() component.Component { return controlPlane{} }

type controlPlane struct{}

func (controlPlane) Name() string { return Name }

func (controlPlane) Runs(_ *component.Cluster, host inventory.Host) bool {
	return host.Has(inventory.RoleMaster)
}

func (c controlPlane) Desired(cluster *component.Cluster, host inventory.Host) ([]resource.Resource, error) {
	var all []resource.Resource
	for _, part := range []func(*component.Set){apiServer, controllerManager, scheduler, tools} {
		s := component.NewSet(cluster, host, c.Name())
		part(s)
		list, err := s.Done()
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

func (c controlPlane) Artifacts(cluster *component.Cluster) []bundle.Ref {
	return component.Refs(cluster, c, "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
}

// Clients implements component.APIClient.
func (controlPlane) Clients() []component.Client {
	return []component.Client{
		{Unit: Scheduler, User: "system:kube-scheduler"},
		{Unit: ControllerManager, User: "system:kube-controller-manager"},
		{Unit: APIServer},
	}
}

func (controlPlane) Rollout() component.Rollout { return component.OneAtATime }

func (controlPlane) Tier() component.Tier { return component.TierServers }

func (controlPlane) Gate() component.Gate {
	return component.Gate{URL: component.LocalAPIURL + "/readyz", CA: component.ClusterCA, Live: []component.Live{
		{Unit: APIServer, URL: component.LocalAPIURL + "/livez", CA: component.ClusterCA},
		{Unit: ControllerManager, URL: "https://" + component.Loopback(managerPort) + "/healthz"},
		{Unit: Scheduler, URL: "https://" + component.Loopback(schedulerPort) + "/healthz"},
	}}
}

// tools is kubectl for who logs in on a master; it comes without credentials.
func tools(s *component.Set) { s.Binary("kubectl") }

func scheduler(s *component.Set) {
	s.Binary("kube-scheduler", Scheduler)
	// Its own API server: a scheduler may not be newer than the API it talks
	// to, and while masters are upgraded they differ.
	access := s.Client("scheduler", component.LocalAPIURL, cert.Spec{CommonName: "system:kube-scheduler"}, Scheduler)
	config := component.ConfigDir + "/scheduler.conf"
	flags := component.Flags{
		"kubeconfig":                config,
		"authentication-kubeconfig": config,
		"authorization-kubeconfig":  config,
		"bind-address":              "127.0.0.1",
		"leader-elect":              "true",
		"profiling":                 "false",
	}.Merge(s.Cluster.Inventory.Kubernetes.SchedulerArgs)
	s.Service(Scheduler, service("Kubernetes scheduler", "simple", flags.ExecStart(component.BinDir+"/kube-scheduler"), hardened), access...)
}

// Judge implements inventory.Judge.
func (controlPlane) Judge(inv *inventory.Inventory) diag.List {
	list := judge.Flags(inv, "kubernetes.apiserver_args", "kube-apiserver", inv.Kubernetes.APIServerArgs)
	list = append(list, judge.Flags(inv, "kubernetes.controller_manager_args", "kube-controller-manager", inv.Kubernetes.ControllerManagerArgs)...)
	return append(list, judge.Flags(inv, "kubernetes.scheduler_args", "kube-scheduler", inv.Kubernetes.SchedulerArgs)...)
}
