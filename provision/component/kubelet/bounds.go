package kubelet

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	kubeletconfig "k8s.io/kubelet/config/v1beta1"
)

// bounds are from kubelet's own validation: the least and the most of a field.
// https://github.com/kubernetes/kubernetes/blob/v1.37.1/pkg/kubelet/apis/config/validation/validation.go
func bounds() map[string][2]float64 {
	all := map[string][2]float64{
		"imageGCHighThresholdPercent": {0, 100}, "imageGCLowThresholdPercent": {0, 100}, "iptablesDropBit": {0, 31}, "iptablesMasqueradeBit": {0, 31},
		"oomScoreAdj": {-1000, 1000}, "port": {1, 65535}, "readOnlyPort": {0, 65535}, "healthzPort": {0, 65535}, "memoryThrottlingFactor": {math.SmallestNonzeroFloat64, 1},
		"nodeStatusMaxImages": {-1, math.MaxInt32}, "containerLogMaxFiles": {2, math.MaxInt32},
	}
	for _, positive := range []string{"maxPods", "maxParallelImagePulls", "containerLogMaxWorkers", "nodeLeaseDurationSeconds"} {
		all[positive] = [2]float64{1, math.MaxInt32}
	}
	for _, natural := range []string{"eventBurst", "eventRecordQPS", "kubeAPIBurst", "kubeAPIQPS", "maxOpenFiles", "podsPerCore", "registryBurst", "registryPullQPS"} {
		all[natural] = [2]float64{0, math.MaxInt32}
	}
	return all
}

func (j *judging) numbers() {
	limits := bounds()
	for _, field := range slices.Sorted(maps.Keys(limits)) {
		var value float64
		switch v := j.fields[field].(type) {
		case int64:
			value = float64(v)
		case float64:
			value = v
		default:
			continue // not of the inventory
		}
		switch least, most := limits[field][0], limits[field][1]; {
		case value >= least && value <= most:
		case most == math.MaxInt32:
			j.refuse([]string{field}, "%s = %v is out of bounds: %v at least.", field, value, least)
		case most == 1:
			j.refuse([]string{field}, "%s = %v is out of bounds: above 0, and %v at most.", field, value, most)
		default:
			j.refuse([]string{field}, "%s = %v is out of bounds: from %v to %v.", field, value, least, most)
		}
	}
}

func (j *judging) words(c kubeletconfig.KubeletConfiguration) {
	for _, w := range []struct{ field, value, allowed string }{
		{"topologyManagerPolicy", c.TopologyManagerPolicy, "none best-effort restricted single-numa-node"},
		{"topologyManagerScope", c.TopologyManagerScope, "container pod"},
		{"cpuManagerPolicy", c.CPUManagerPolicy, "none static"},
		{"memoryManagerPolicy", c.MemoryManagerPolicy, "None Static"},
		{"hairpinMode", c.HairpinMode, "promiscuous-bridge hairpin-veth none"},
		{"cgroupDriver", c.CgroupDriver, "systemd cgroupfs"},
		{"memorySwap.swapBehavior", c.MemorySwap.SwapBehavior, "NoSwap LimitedSwap"},
		{"authorization.mode", string(c.Authorization.Mode), "Webhook AlwaysAllow"},
		{"logging.format", c.Logging.Format, "text json"},
		{"tlsMinVersion", c.TLSMinVersion, "VersionTLS10 VersionTLS11 VersionTLS12 VersionTLS13"},
		{"configMapAndSecretChangeDetectionStrategy", string(c.ConfigMapAndSecretChangeDetectionStrategy), "Get Cache Watch"},
		{"imagePullCredentialsVerificationPolicy", string(c.ImagePullCredentialsVerificationPolicy), "NeverVerify NeverVerifyPreloadedImages NeverVerifyAllowlistedImages AlwaysVerify"},
	} {
		if allowed := strings.Fields(w.allowed); w.value != "" && !slices.Contains(allowed, w.value) {
			j.refuse([]string{w.field}, "%s is %q, and must be one of %s.", w.field, w.value, strings.Join(allowed, ", "))
		}
	}
	enforced := strings.Fields("none pods system-reserved system-reserved-compressible kube-reserved kube-reserved-compressible")
	for _, word := range c.EnforceNodeAllocatable {
		if !slices.Contains(enforced, word) {
			j.refuse([]string{"enforceNodeAllocatable"}, "enforceNodeAllocatable holds %q; it takes %s.", word, strings.Join(enforced, ", "))
		}
	}
	for field, thresholds := range map[string]map[string]string{"evictionHard": c.EvictionHard, "evictionSoft": c.EvictionSoft, "evictionMinimumReclaim": c.EvictionMinimumReclaim} {
		for _, signal := range slices.Sorted(maps.Keys(thresholds)) {
			if err := threshold(signal, thresholds[signal]); err != nil {
				j.refuse([]string{field + "." + signal}, "%s: %s.", field, err)
			}
		}
	}
}

// threshold takes what kubelet takes of a signal of eviction.
func threshold(signal, value string) error {
	signals := strings.Fields("memory.available nodefs.available nodefs.inodesFree imagefs.available imagefs.inodesFree containerfs.available containerfs.inodesFree pid.available")
	if !slices.Contains(signals, signal) {
		return fmt.Errorf("there is no signal %q; there are %s", signal, strings.Join(signals, ", "))
	}
	amount, err := resource.ParseQuantity(value)
	if percent, ok := strings.CutSuffix(value, "%"); ok {
		if amount, err = resource.ParseQuantity(percent); err == nil && amount.Value() > 100 {
			return fmt.Errorf("%s = %q is more than 100 %%", signal, value)
		}
	}
	if err != nil || amount.Sign() < 0 {
		return fmt.Errorf(`%s = %q is neither an amount such as "500Mi" nor a part such as "10%%"`, signal, value)
	}
	return nil
}

// together are fields that do not go together.
func (j *judging) together(c kubeletconfig.KubeletConfiguration) {
	or := func(p *int32, usual int32) int32 {
		if p == nil {
			return usual
		}
		return *p
	}
	if low, high := or(c.ImageGCLowThresholdPercent, 80), or(c.ImageGCHighThresholdPercent, 85); low >= high {
		j.refuse([]string{"imageGCLowThresholdPercent", "imageGCHighThresholdPercent"}, "imageGCLowThresholdPercent %d must be less than imageGCHighThresholdPercent %d.", low, high)
	}
	all, critical := c.ShutdownGracePeriod.Duration, c.ShutdownGracePeriodCriticalPods.Duration
	if critical > all {
		j.refuse([]string{"shutdownGracePeriod", "shutdownGracePeriodCriticalPods"}, "shutdownGracePeriodCriticalPods %s must be shutdownGracePeriod %s at most, of which it is a part.", critical, all)
	}
	for field, period := range map[string]time.Duration{"shutdownGracePeriod": all, "shutdownGracePeriodCriticalPods": critical} {
		if period < 0 || period > 0 && period < time.Second {
			j.refuse([]string{field}, `%s = %s must be "0s", or 1s at least.`, field, period)
		}
	}
	if len(c.ShutdownGracePeriodByPodPriority) > 0 && (all > 0 || critical > 0) {
		j.refuse([]string{"shutdownGracePeriodByPodPriority"}, `shutdownGracePeriodByPodPriority takes the place of shutdownGracePeriod: write shutdownGracePeriod = "0s" and shutdownGracePeriodCriticalPods = "0s" too.`)
	}
	if c.SerializeImagePulls != nil && *c.SerializeImagePulls && or(c.MaxParallelImagePulls, 1) > 1 {
		j.refuse([]string{"serializeImagePulls", "maxParallelImagePulls"}, "serializeImagePulls = true pulls one image at a time: write maxParallelImagePulls = 1 too, and not %d.", *c.MaxParallelImagePulls)
	}
	for _, signal := range slices.Sorted(maps.Keys(c.EvictionSoft)) {
		if _, ok := c.EvictionSoftGracePeriod[signal]; !ok {
			j.refuse([]string{"evictionSoft." + signal}, `evictionSoft of %s needs evictionSoftGracePeriod = { %q = "1m" }.`, signal, signal)
		}
	}
	if period := c.ContainerLogMonitorInterval; period != nil && period.Duration < 3*time.Second {
		j.refuse([]string{"containerLogMonitorInterval"}, "containerLogMonitorInterval = %s must be 3s at least.", period.Duration)
	}
	if c.ContainerLogMaxSize != "" {
		if _, err := resource.ParseQuantity(c.ContainerLogMaxSize); err != nil {
			j.refuse([]string{"containerLogMaxSize"}, `containerLogMaxSize = %q is not an amount such as "20Mi".`, c.ContainerLogMaxSize)
		}
	}
	for field, amounts := range map[string]map[string]string{"systemReserved": c.SystemReserved, "kubeReserved": c.KubeReserved} {
		for _, name := range slices.Sorted(maps.Keys(amounts)) {
			if q, err := resource.ParseQuantity(amounts[name]); err != nil || q.Sign() < 0 || !slices.Contains([]string{"cpu", "memory", "ephemeral-storage", "pid"}, name) {
				j.refuse([]string{field + "." + name}, `%s: %s = %q is none of cpu, memory, ephemeral-storage and pid with an amount.`, field, name, amounts[name])
			}
		}
	}
}
