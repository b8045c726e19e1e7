package report_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/provision/plan"
	"provision/provision/report"
	"provision/provision/upgrade"
)

func TestAPlanTellsTheWholeWay(t *testing.T) {
	p := &plan.Plan{Cluster: "dc1", UUID: "u1", Target: "the real hosts", Hops: []plan.Hop{
		{Hop: upgrade.Hop{Kubernetes: "1.36.4", Etcd: "3.6.5"}},
		{Hop: upgrade.Hop{Kubernetes: "1.37.1", Etcd: "3.7.3", Kubelet: "1.36.4"}, Missing: []string{"kubelet@1.37.1/amd64"}},
	}}
	var text strings.Builder
	report.Plan(&text, p, report.Style{})
	assert.Contains(t, text.String(), "Upgrade in 2 hops, one minor release after the other:\n"+
		"  1. Kubernetes 1.36.4, etcd 3.6.5  (shown below; apply continues with the others)\n"+
		"  2. Kubernetes 1.37.1, etcd 3.7.3, kubelets 1.36.4\n"+
		"     not in the store: kubelet@1.37.1/amd64\n")
}
