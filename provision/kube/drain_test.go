package kube

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

// An eviction that a PodDisruptionBudget refuses is tried each second, for
// minutes. The one line that tells why must not drown.
func TestRefusedEvictionsAreToldSeldom(t *testing.T) {
	var told []string
	s := &seldom{tell: func(text string) { told = append(told, text) }, times: map[string]int{}}
	out := refusals{s}
	for range 2*repeated + 1 {
		s.once("evicting pod default/web from n1")
		_, err := fmt.Fprintln(out, "error when evicting pods/\"web\" -n \"default\" (will retry after 1s): it would violate the pod's disruption budget")
		assert.NoError(t, err)
	}
	_, _ = fmt.Fprintln(out, "error when evicting pods/\"db\" -n \"default\": another")
	assert.Len(t, told, 1+3+1, "%q", told)
	(&seldom{times: map[string]int{}}).again("nobody listens")
}
