package trial

import (
	"errors"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/stretchr/testify/assert"

	"provision/provision/agent/api"
	"provision/provision/inventory"
	"provision/provision/resource"
)

func at(line int) hcl.Range {
	return hcl.Range{Filename: "dc1.hcl", Start: hcl.Pos{Line: line}}
}

func TestTheLineAtFaultIsNamed(t *testing.T) {
	places := inventory.Places{
		"kubernetes.kubelet": at(3), "kubernetes.kubelet.maxPods": at(4), "kubernetes.kubelet.featureGates": at(5),
		"kubernetes.kubelet.featureGates.NoSuch": at(6), "network.proxy_mode": at(8), "network.proxy_conntrack_max_per_core": at(9), "os.swap": at(11),
	}
	kubelet := resource.New("n1", "file", "/k", 1).From("kubernetes.kubelet")
	proxy := resource.New("n1", "file", "/p", 1).From("network")
	for name, tc := range map[string]struct {
		of   resource.Resource
		diff string
		want []string
	}{
		"a field":                  {kubelet, "-maxPods: 110\n+maxPods: \"70\"", []string{"dc1.hcl:4: kubernetes.kubelet.maxPods"}},
		"one within another":       {kubelet, "@@ -3 +3 @@\n featureGates:\n+  NoSuch: true", []string{"dc1.hcl:6: kubernetes.kubelet.featureGates.NoSuch"}},
		"one that was taken":       {kubelet, "-maxPods: 9", []string{"dc1.hcl:4: kubernetes.kubelet.maxPods"}},
		"another way to write":     {proxy, "+mode: odd", []string{"dc1.hcl:8: network.proxy_mode"}},
		"a longer one":             {proxy, "+  maxPerCore: -4", []string{"dc1.hcl:9: network.proxy_conntrack_max_per_core"}},
		"JSON":                     {proxy, "+  \"proxyMode\": 1", []string{"dc1.hcl:8: network.proxy_mode"}},
		"TOML":                     {proxy, "+  proxy_mode = true", []string{"dc1.hcl:8: network.proxy_mode"}},
		"what is not known":        {proxy, "+odd: 1", []string{"dc1.hcl:9: network.proxy_conntrack_max_per_core", "dc1.hcl:8: network.proxy_mode"}},
		"what is not shown":        {kubelet, "", []string{"dc1.hcl:3: kubernetes.kubelet", "dc1.hcl:5: kubernetes.kubelet.featureGates", "dc1.hcl:6: kubernetes.kubelet.featureGates.NoSuch", "dc1.hcl:4: kubernetes.kubelet.maxPods"}},
		"nothing of the inventory": {resource.New("n1", "file", "/x", 1), "+maxPods: 1", nil},
	} {
		t.Run(name, func(t *testing.T) {
			item := api.PlanItem{ID: tc.of.Address.ID(), Changes: []resource.Change{{Field: "diff", New: tc.diff}}}
			other := resource.New("n1", "file", "/same", 1).From("os.swap")
			assert.Equal(t, tc.want, Written(places, []resource.Resource{tc.of, other}, []api.PlanItem{item}))
		})
	}
}

func TestTheVerdictSaysWhatBecameOfTheHost(t *testing.T) {
	base := Verdict{Unit: "kubelet.service", Host: "n1", Why: &api.Error{Message: "job failed\nforty lines", Detail: "forty lines"}, Written: []string{"dc1.hcl:4: kubernetes.kubelet.maxPods"}}
	back := api.TrialResult{Reverted: []string{"x"}, Log: []string{"E1129 bad", "after"}}
	still := api.TrialResult{Reverted: []string{"x"}, Still: "it does not run"}
	for want, edit := range map[string]func(*Verdict){
		"n1 has its last working settings back and works; no later wave starts\ncorrect the inventory and apply again:\n  dc1.hcl:4: kubernetes.kubelet.maxPods\nkubelet.service on n1 said:\n  E1129 bad\n  after": func(v *Verdict) { v.Result = back },
		"still does not work: it does not run":         func(v *Verdict) { v.Result = still },
		"it did not work before this change either":    func(*Verdict) {},
		"cannot restore the last working settings: no": func(v *Verdict) { v.Failed = errors.New("no") },
	} {
		v := base
		edit(&v)
		err := v.Err()
		assert.ErrorContains(t, err, "kubelet.service does not work with its new settings: job failed\n")
		assert.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "forty lines")
	}
}
