package kube

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// What the API repeats of the time before a restart is no report.
func TestOnlyWhatAKubeletSaidSinceItsStartCounts(t *testing.T) {
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	node := func(status, at, message string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{"status": map[string]any{"conditions": []any{
			map[string]any{"type": "DiskPressure", "status": "False", "lastHeartbeatTime": "2026-01-02T04:00:00Z"},
			map[string]any{"type": "Ready", "status": status, "lastHeartbeatTime": at, "message": message},
		}}}}
	}
	const stale = "its kubelet has not reported since it was started"
	for name, tc := range map[string]struct {
		node *unstructured.Unstructured
		want string
	}{
		"ready now":             {node("True", "2026-01-02T03:04:05Z", "kubelet is ready"), ""},
		"in another time zone":  {node("True", "2026-01-02T04:04:06+01:00", ""), ""},
		"ready before":          {node("True", "2026-01-02T03:04:04Z", "kubelet is ready"), stale},
		"not ready":             {node("False", "2026-01-02T03:04:06Z", "no network"), "no network"},
		"not ready, no reason":  {node("Unknown", "2026-01-02T03:04:06Z", ""), "it is not Ready"},
		"nonsense for a time":   {node("True", "yesterday", ""), stale},
		"without any condition": {&unstructured.Unstructured{Object: map[string]any{}}, stale},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, tc.want, unreported(tc.node, since)) })
	}
}
