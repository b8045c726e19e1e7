package components_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/component"
	"provision/provision/component/components"
	"provision/provision/component/componenttest"
	"provision/provision/inventory"
	"provision/provision/resource"
)

// all are the wanted resources of all hosts, by address.
func all(t *testing.T, c *component.Cluster) map[resource.Address]resource.Resource {
	t.Helper()
	found := map[resource.Address]resource.Resource{}
	c.Components = components.All()
	for _, comp := range components.All() {
		for _, host := range c.Inventory.Hosts {
			if !comp.Runs(c, host) {
				continue
			}
			list, err := comp.Desired(c, host)
			require.NoError(t, err)
			for _, r := range list {
				found[r.Address] = r
			}
		}
	}
	return found
}

// acted says which units are restarted or reloaded, on which hosts, when the
// wanted resources change, and which other resources differ: "restart UNIT on HOSTS".
func acted(before, after map[resource.Address]resource.Resource) []string {
	hosts := map[string][]string{}
	note := func(text, host string) {
		if !slices.Contains(hosts[text], host) {
			hosts[text] = append(hosts[text], host)
		}
	}
	for address, now := range after {
		was, known := before[address]
		if known && bytes.Equal(was.Spec, now.Spec) {
			continue
		}
		for _, trigger := range now.Triggers {
			note(fmt.Sprintf("%s %s", trigger.Action, trigger.Unit), address.Host)
		}
		if len(now.Triggers) == 0 {
			note("only "+address.ID(), address.Host)
		}
		if now.Drains {
			note("drain", address.Host)
		}
	}
	for address := range before {
		if _, stays := after[address]; !stays {
			note("gone "+address.ID(), address.Host)
		}
	}
	var lines []string
	for _, text := range slices.Sorted(maps.Keys(hosts)) {
		slices.Sort(hosts[text])
		lines = append(lines, text+" on "+strings.Join(hosts[text], " "))
	}
	return lines
}

// TestAttributesRestartWhatTheyConcern changes one attribute of the inventory at
// a time: exactly the units concerned are restarted, on exactly the hosts.
func TestAttributesRestartWhatTheyConcern(t *testing.T) {
	const masters, workers, everybody = "m1 m2 m3", "n1 n2", "m1 m2 m3 n1 n2"
	for name, test := range map[string]struct {
		change func(*inventory.Inventory)
		want   []string
	}{
		"nothing":                            {func(*inventory.Inventory) {}, nil},
		"kubernetes.apiserver_args":          {func(i *inventory.Inventory) { i.Kubernetes.APIServerArgs = map[string]string{"v": "4"} }, []string{"restart kube-apiserver.service on " + masters}},
		"kubernetes.controller_manager_args": {func(i *inventory.Inventory) { i.Kubernetes.ControllerManagerArgs = map[string]string{"v": "4"} }, []string{"restart kube-controller-manager.service on " + masters}},
		"kubernetes.scheduler_args":          {func(i *inventory.Inventory) { i.Kubernetes.SchedulerArgs = map[string]string{"v": "4"} }, []string{"restart kube-scheduler.service on " + masters}},
		"kubernetes.audit_log":               {func(i *inventory.Inventory) { i.Kubernetes.AuditLog.MaxAgeDays++ }, []string{"restart kube-apiserver.service on " + masters}},
		"kubernetes.kubelet":                 {func(i *inventory.Inventory) { i.Kubernetes.Kubelet = map[string]any{"maxPods": 42} }, []string{"restart kubelet.service on " + everybody}},
		"kubernetes.registry_mirrors": {func(i *inventory.Inventory) {
			i.Kubernetes.RegistryMirrors = map[string][]string{"quay.io": {"https://mirror.example"}}
		}, []string{`only directory["/etc/containerd/certs.d/quay.io"] on ` + everybody, `only file["/etc/containerd/certs.d/quay.io/hosts.toml"] on ` + everybody}},
		"kubernetes.restrict_oom_score_adj": {func(i *inventory.Inventory) { i.Kubernetes.RestrictOOMScoreAdj = !i.Kubernetes.RestrictOOMScoreAdj },
			[]string{"drain on " + everybody, "restart containerd.service on " + everybody, "restart kubelet.service on " + everybody}},
		"etcd.args":               {func(i *inventory.Inventory) { i.Etcd.Args = map[string]string{"max-txn-ops": "256"} }, []string{"restart etcd.service on " + masters}},
		"etcd.quota_bytes":        {func(i *inventory.Inventory) { i.Etcd.QuotaBytes = 4 << 30 }, []string{"restart etcd.service on " + masters}},
		"network.proxy_conntrack": {func(i *inventory.Inventory) { n := 7; i.Network.ProxyConntrackMin = &n }, []string{"restart kube-proxy.service on " + everybody}},
		"time.servers":            {func(i *inventory.Inventory) { i.Time.Servers = []string{"ntp9.example.org"} }, []string{"restart chrony.service on " + everybody}},
		"os.sysctls":              {func(i *inventory.Inventory) { i.OS.Sysctls = map[string]string{"vm.swappiness": "10"} }, []string{`only sysctl["vm.swappiness"] on ` + everybody}},
		"os.journal": {func(i *inventory.Inventory) { i.OS.Journal.MaxUse = "2G" },
			[]string{"restart provision-journal.service on " + everybody, "restart systemd-journald.service on " + everybody}},
		"a pool of kubelets": {func(i *inventory.Inventory) {
			i.Pools = []inventory.Pool{{Roles: []inventory.Role{inventory.RoleNode}, CPUManager: "static", ReservedCPUs: "0"}}
		}, []string{"drain on " + workers, "restart kubelet.service on " + workers}},
	} {
		t.Run(name, func(t *testing.T) {
			c := componenttest.Lab()
			before := all(t, c)
			test.change(c.Inventory)
			assert.Equal(t, test.want, acted(before, all(t, c)))
		})
	}
}
