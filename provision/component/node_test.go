package component_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/provision/resource/node"
)

func TestImagesLieWhereTheirPodsMayRun(t *testing.T) {
	host := func(name string, roles ...inventory.Role) inventory.Host {
		return inventory.Host{Name: name, Roles: roles}
	}
	etcd, master, worker := host("etcd", inventory.RoleEtcd), host("master", inventory.RoleMaster), host("node", inventory.RoleNode)
	both, disk, gpu := host("both", inventory.RoleMaster, inventory.RoleNode), host("disk", inventory.RoleNode), host("gpu", inventory.RoleNode)
	arm := host("arm", inventory.RoleNode)
	disk.Labels, disk.Rack = map[string]string{"disk": "ssd"}, "r1"
	gpu.Taints = []inventory.Taint{{Key: "gpu", Value: "big", Effect: "NoExecute"}, {Key: "slow", Effect: "PreferNoSchedule"}}
	c := &component.Cluster{Inventory: &inventory.Inventory{Hosts: []inventory.Host{etcd, master, worker, both, disk, gpu, arm}}, Facts: map[string]facts.Host{}}
	c.Inventory.Cluster.Site = "east"
	for _, h := range c.Inventory.Hosts {
		c.Facts[h.Name] = facts.Host{Arch: "amd64"}
	}
	c.Facts["arm"] = facts.Host{Arch: "arm64"}
	for name, tc := range map[string]struct {
		pods component.Pods
		want []string
	}{
		"ordinary pods": {component.Pods{}, []string{"node", "both", "disk", "arm"}},
		"control plane": {component.Pods{Selector: map[string]string{node.ControlPlane: ""},
			Tolerations: []component.Toleration{{Key: node.ControlPlane, Effect: "NoSchedule"}}}, []string{"master", "both"}},
		"a label":               {component.Pods{Selector: map[string]string{"disk": "ssd"}}, []string{"disk"}},
		"another value":         {component.Pods{Selector: map[string]string{"disk": "hdd"}}, nil},
		"rack and site":         {component.Pods{Selector: map[string]string{"topology.provision/rack": "r1", "topology.kubernetes.io/region": "east"}}, []string{"disk"}},
		"architecture":          {component.Pods{Selector: map[string]string{"kubernetes.io/arch": "arm64", "kubernetes.io/os": "linux"}}, []string{"arm"}},
		"a host":                {component.Pods{Selector: map[string]string{"kubernetes.io/hostname": "node"}}, []string{"node"}},
		"everything tolerated":  {component.Pods{Tolerations: []component.Toleration{{}}}, []string{"master", "node", "both", "disk", "gpu", "arm"}},
		"a taint of this value": {component.Pods{Tolerations: []component.Toleration{{Key: "gpu", Value: "big"}}}, []string{"node", "both", "disk", "gpu", "arm"}},
		"a taint of another":    {component.Pods{Tolerations: []component.Toleration{{Key: "gpu", Value: "small"}}}, []string{"node", "both", "disk", "arm"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.Images = []component.Image{{Name: "image-x", Version: "1", Pods: tc.pods}}
			var got []string
			for _, h := range c.Inventory.Hosts {
				for _, ref := range c.ImagesOn(h) {
					assert.Equal(t, bundle.Ref{Name: "image-x", Version: "1", Arch: c.Facts[h.Name].Arch}, ref)
					got = append(got, h.Name)
				}
			}
			assert.Equal(t, tc.want, got)
		})
	}
	c.Images = []component.Image{{Name: "image-x", Version: "1"}}
	assert.Empty(t, c.ImagesOn(host("silent", inventory.RoleNode)), "a host that did not answer")
}
