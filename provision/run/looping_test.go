package run

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/provision/component"
	"provision/provision/component/etcd"
	"provision/provision/plan"
	"provision/provision/resource"
	"provision/provision/survey"
)

// An etcd that ends again and again tells systemd each time that it is ready.
func TestTheStartOfALoopingEtcdProvesNothing(t *testing.T) {
	step := func(unit, was string) plan.Step {
		return plan.Step{Address: component.UnitAt("m1", unit), Changes: []resource.Change{{Field: "active", Old: was, New: "active"}}}
	}
	assert.True(t, loopingEtcd(step("etcd.service", "activating")))
	assert.False(t, loopingEtcd(step("etcd.service", "inactive")), "the members of a new cluster wait for each other")
	assert.False(t, loopingEtcd(step("kubelet.service", "activating")))

	s := &Steps{survey: &survey.Survey{Cluster: &component.Cluster{Learned: map[string]any{etcd.Name: etcd.Known{Rejoining: map[string]string{"m1": "7b"}}}}}}
	assert.True(t, s.learns(step("etcd.service", "activating")), "learners are never ready")
	assert.False(t, s.learns(step("kube-apiserver.service", "activating")))
}
