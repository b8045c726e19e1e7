package report_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/provision/plan"
	"provision/provision/report"
)

func TestWavesAreShownInTheirOrder(t *testing.T) {
	p := &plan.Plan{Cluster: "dc1", UUID: "u", Target: "the real hosts", Steps: []plan.Step{{Address: at("n1", "reboot", "n1"), Action: plan.Reboot}},
		Waves: []plan.Wave{{Hosts: []string{"n9"}, Rest: true}, {Hosts: []string{"m1"}}, {Hosts: []string{"n1"}, Canary: true}, {Hosts: []string{"n2", "n3"}}}}
	text := written(p, report.Style{})
	assert.Contains(t, text, `
   1  n9  (left cordoned by an earlier run)
   2  m1
   3  n1  (canary)
   4  n2, n3
`)
	assert.Contains(t, text, "0 to remove, 1 to reboot.")
	assert.Contains(t, text, "  ⏻ reboot[\"n1\"]\n")
}

func TestManyWavesStayShort(t *testing.T) {
	p := &plan.Plan{}
	for i := range 40 {
		wave := plan.Wave{}
		for j := range 10 {
			wave.Hosts = append(wave.Hosts, fmt.Sprintf("n%d-%d", i, j))
		}
		p.Waves = append(p.Waves, wave)
	}
	text := written(p, report.Style{})
	assert.Contains(t, text, "  12  n11-0, n11-1, n11-2, n11-3, n11-4, n11-5, n11-6, n11-7 and 2 more hosts\n   …  28 more, up to n39-0")
	assert.NotContains(t, text, "n20-0")
	assert.NotContains(t, written(&plan.Plan{}, report.Style{}), "wave")
}
