package helm

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// available reports whether a workload serves, in the terms of its own
// rollout: a Deployment may lack as many replicas as its strategy allows.
func available(object *unstructured.Unstructured) (ready bool, state string, err error) {
	number := func(fallback int64, fields ...string) int64 {
		value, found, err := unstructured.NestedInt64(object.Object, fields...)
		if err != nil || !found {
			return fallback
		}
		return value
	}
	if number(0, "status", "observedGeneration") < object.GetGeneration() && object.GetKind() != "Job" && object.GetKind() != "CustomResourceDefinition" {
		return false, "not seen by its controller yet", nil
	}
	switch object.GetKind() {
	case "Deployment":
		want := number(1, "spec", "replicas")
		updated, ready := number(0, "status", "updatedReplicas"), number(0, "status", "availableReplicas")
		need := want - allowed(object, want, "spec", "strategy", "rollingUpdate", "maxUnavailable")
		return updated >= want && ready >= max(need, min(want, 1)), fmt.Sprintf("%d of %d replicas available, %d up to date", ready, want, updated), nil
	case "StatefulSet":
		want := number(1, "spec", "replicas")
		updated, ready := number(0, "status", "updatedReplicas"), number(0, "status", "readyReplicas")
		return updated >= want && ready >= want, fmt.Sprintf("%d of %d replicas ready, %d up to date", ready, want, updated), nil
	case "DaemonSet":
		want := number(0, "status", "desiredNumberScheduled")
		updated, ready := number(0, "status", "updatedNumberScheduled"), number(0, "status", "numberAvailable")
		need := want - allowed(object, want, "spec", "updateStrategy", "rollingUpdate", "maxUnavailable")
		return updated >= want && ready >= max(need, min(want, 1)), fmt.Sprintf("%d of %d pods available, %d up to date", ready, want, updated), nil
	case "Job":
		if reason, failed := condition(object, "Failed"); failed {
			return false, "failed", fmt.Errorf("the Job failed: %s", reason)
		}
		_, complete := condition(object, "Complete")
		return complete, fmt.Sprintf("%d of %d pods succeeded", number(0, "status", "succeeded"), number(1, "spec", "completions")), nil
	default:
		_, established := condition(object, "Established")
		return established, "not established", nil
	}
}

// allowed is how many replicas may be missing, from a number or a percentage.
func allowed(object *unstructured.Unstructured, want int64, fields ...string) int64 {
	value, found, err := unstructured.NestedFieldNoCopy(object.Object, fields...)
	if err != nil || !found {
		return 0
	}
	parsed := intstr.Parse(fmt.Sprint(value))
	missing, err := intstr.GetScaledValueFromIntOrPercent(&parsed, int(want), false)
	if err != nil {
		return 0
	}
	return int64(missing)
}

func condition(object *unstructured.Unstructured, kind string) (message string, isTrue bool) {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, entry := range conditions {
		if c, ok := entry.(map[string]any); ok && c["type"] == kind {
			message, _ = c["message"].(string)
			return message, c["status"] == "True"
		}
	}
	return "", false
}
