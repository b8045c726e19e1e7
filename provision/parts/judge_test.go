package parts_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/diag"
	"provision/provision/inventory"
	"provision/provision/parts"
)

// judged loads an inventory with some lines more, and says what is wrong: LINE of
// the lines, severity, summary and detail.
func judged(t *testing.T, version, lines string) (told []string) {
	t.Helper()
	head := fmt.Sprintf("cluster \"dc1\" {\n  version = %q\n}\nhost \"m1\" {\n  address = \"192.0.2.1\"\n  roles = [\"etcd\", \"master\", \"node\"]\n}\n", version)
	inv, problems := inventory.Parse(t.Context(), map[string][]byte{"dc1.hcl": []byte(head + lines)}, inventory.Options{Parts: parts.All()})
	for _, p := range problems {
		require.NotEmpty(t, p.Places, p.Detail)
		told = append(told, fmt.Sprintf("%d %s: %s: %s", p.Places[0].Range.Start.Line-strings.Count(head, "\n"), p.Severity, p.Summary, p.Detail))
	}
	assert.Equal(t, problems.Count(diag.Error) > 0, inv == nil)
	return told
}

// What a kubelet would refuse is refused before, at its line.
func TestKubeletConfigurationIsJudged(t *testing.T) {
	for name, tc := range map[string]struct {
		fields string
		want   []string
	}{
		"nothing wrong": {"maxPods = 70\n evictionHard = { \"memory.available\" = \"5%\" }\n featureGates = { NodeLogQuery = true }\n kubeReserved = { cpu = \"1\" }\n logging = { verbosity = 2 }\n imageGCHighThresholdPercent = 90\n cpuManagerPolicyOptions = { full-pcpus-only = \"true\" }\n syncFrequency = \"1m\"", nil},
		"names and values at once": {"maxpods = 70\n maxPods = 0", []string{
			`2 error: Unknown field: There is no field "maxpods" in KubeletConfiguration; did you mean "maxPods"?`,
			`3 error: Invalid kubelet setting: maxPods = 0 is out of bounds: 1 at least.`}},
		"case":          {"maxpods = 70", []string{`2 error: Unknown field: There is no field "maxpods" in KubeletConfiguration; did you mean "maxPods"?`}},
		"a flag's name": {"max-pods = 70", []string{`2 error: Unknown field: There is no field "max-pods" in KubeletConfiguration; did you mean "maxPods"?`}},
		"nothing near":  {"podSubnet = 7", []string{`2 error: Unknown field: There is no field "podSubnet" in KubeletConfiguration.`}},
		"deep": {"authentication = {\n x509 = {\n clientCAfile = \"/x\"\n }\n }",
			[]string{`4 error: Unknown field: There is no field "clientCAfile" in authentication.x509 of KubeletConfiguration; did you mean "clientCAFile"?`}},
		"several": {"maxPods = \"70\"\n  serializeImagePulls = \"true\"\n  clusterDNS = \"10.0.0.1\"\n  syncFrequency = 5\n  clusterDomain = 7\n  evictionHard = 3\n podsPerCore = 1.5\n eventBurst = 3000000000", []string{
			`2 error: Wrong type: maxPods of KubeletConfiguration must be a whole number, without quotes, not "70".`,
			`3 error: Wrong type: serializeImagePulls of KubeletConfiguration must be true or false, without quotes, not "true".`,
			`4 error: Wrong type: clusterDNS of KubeletConfiguration must be a list: [ … ], not "10.0.0.1".`,
			`5 error: Wrong type: syncFrequency of KubeletConfiguration must be a duration such as "30s" or "5m", not 5.`,
			`6 error: Wrong type: clusterDomain of KubeletConfiguration must be text in quotes, not 7.`,
			`7 error: Wrong type: evictionHard of KubeletConfiguration must be an object: { name = value }, not 3.`,
			`8 error: Wrong type: podsPerCore of KubeletConfiguration must be a whole number, without quotes, not 1.5.`,
			`9 error: Wrong type: eventBurst of KubeletConfiguration must be a number that fits into 32 bits, not 3000000000.`}},
		"in a list": {"registerWithTaints = [{ key = \"a\", efect = \"NoSchedule\" }]", []string{
			`2 error: Unknown field: There is no field "efect" in registerWithTaints.0 of KubeletConfiguration; did you mean "effect"?`}},
		"bounds": {"imageGCHighThresholdPercent = 101\n  maxPods = 0\n  memoryThrottlingFactor = 1.5", []string{
			`2 error: Invalid kubelet setting: imageGCHighThresholdPercent = 101 is out of bounds: from 0 to 100.`,
			`3 error: Invalid kubelet setting: maxPods = 0 is out of bounds: 1 at least.`,
			`4 error: Invalid kubelet setting: memoryThrottlingFactor = 1.5 is out of bounds: above 0, and 1 at most.`}},
		"words": {"topologyManagerPolicy = \"best\"\n  memorySwap = {\n    swapBehavior = \"Some\"\n  }", []string{
			`2 error: Invalid kubelet setting: topologyManagerPolicy is "best", and must be one of none, best-effort, restricted, single-numa-node.`,
			`4 error: Invalid kubelet setting: memorySwap.swapBehavior is "Some", and must be one of NoSwap, LimitedSwap.`}},
		"against our own": {"shutdownGracePeriod = \"10s\"", []string{
			`2 error: Invalid kubelet setting: shutdownGracePeriodCriticalPods 20s must be shutdownGracePeriod 10s at most, of which it is a part.`}},
		"against kubelet's own": {"imageGCHighThresholdPercent = 80", []string{
			`2 error: Invalid kubelet setting: imageGCLowThresholdPercent 80 must be less than imageGCHighThresholdPercent 80.`}},
		"eviction": {"evictionHard = {\n \"memory.avail\" = \"1Gi\"\n \"nodefs.available\" = \"1 GB\"\n }\n evictionSoft = { \"memory.available\" = \"1Gi\" }", []string{
			`3 error: Invalid kubelet setting: evictionHard: there is no signal "memory.avail"; there are memory.available, nodefs.available, nodefs.inodesFree, imagefs.available, imagefs.inodesFree, containerfs.available, containerfs.inodesFree, pid.available.`,
			`4 error: Invalid kubelet setting: evictionHard: nodefs.available = "1 GB" is neither an amount such as "500Mi" nor a part such as "10%".`,
			`6 error: Invalid kubelet setting: evictionSoft of memory.available needs evictionSoftGracePeriod = { "memory.available" = "1m" }.`}},
		"gates": {"featureGates = {\n NodeLogQery = true\n NodeSwap = false\n }", []string{
			`3 error: Unknown feature gate: Kubernetes 1.37.1 has no feature gate "NodeLogQery"; did you mean "NodeLogQuery"?`,
			`4 error: Feature gate is locked: Kubernetes 1.37.1 has NodeSwap = true for good; leave it out.`}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, tc.want, judged(t, "1.37.1", "kubernetes { kubelet = {\n"+tc.fields+"\n} }\n"))
		})
	}
}

func TestKubeletsOfPoolsAreJudged(t *testing.T) {
	const pool = "kubelet \"big\" {\n roles = [\"node\"]\n config = {\n  %s\n }\n}\n"
	for name, tc := range map[string]struct{ lines, want string }{
		"a field":                 {fmt.Sprintf(pool, "maxpods = 9"), `4 error: Unknown field: There is no field "maxpods" in KubeletConfiguration; did you mean "maxPods"?`},
		"a bound":                 {fmt.Sprintf(pool, "oomScoreAdj = 2000"), `4 error: Invalid kubelet setting: oomScoreAdj = 2000 is out of bounds: from -1000 to 1000.`},
		"against the general":     {fmt.Sprintf(pool, "imageGCLowThresholdPercent = 84") + "kubernetes {\n kubelet = { imageGCHighThresholdPercent = 83 }\n}\n", `4 error: Invalid kubelet setting: imageGCLowThresholdPercent 84 must be less than imageGCHighThresholdPercent 83.`},
		"the general is nobody's": {fmt.Sprintf(pool, "imageGCHighThresholdPercent = 95") + "kubernetes {\n kubelet = { imageGCLowThresholdPercent = 90 }\n}\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, tc.want, strings.Join(judged(t, "1.37.1", tc.lines), "\n"))
		})
	}
}

// Values that variables and functions make are told at what they are a part of.
func TestJudgedWhereTheValueIsMade(t *testing.T) {
	lines := "locals {\n  mine = { maxpods = 7 }\n}\nkubernetes {\n  kubelet = local.mine\n}\n"
	assert.Equal(t, []string{`5 error: Unknown field: There is no field "maxpods" in KubeletConfiguration; did you mean "maxPods"?`}, judged(t, "1.37.1", lines))
}

func TestMorePodsThanAddressesAreRefused(t *testing.T) {
	with := func(network, pods string) []string {
		return judged(t, "1.37.1", "network { "+network+" }\nkubernetes { kubelet = { maxPods = "+pods+" } }\n")
	}
	assert.Equal(t, []string{"2 error: More pods than addresses: maxPods = 254 is more than a Node has addresses for: node_prefix = 24 leaves 256 addresses less 3 (network, gateway, broadcast), 253 pods. Write maxPods = 253 or less; a cluster that does not exist yet can take a shorter node_prefix."}, with("", "254"))
	assert.Empty(t, with("", "253"))
	assert.Empty(t, with("node_prefix = 23", "509"))
	assert.Len(t, with("node_prefix = 23", "510"), 1)
	assert.Len(t, with("node_prefix = 26", "62"), 2, "few pods are a warning too")
}

func TestFlagsAreJudged(t *testing.T) {
	for name, tc := range map[string]struct {
		lines string
		want  []string
	}{
		"nothing wrong": {"kubernetes {\n apiserver_args = { v = 4, max-requests-inflight = 800, goaway-chance = \"0.01\", request-timeout = \"2m\", apiserver-count = 3, feature-gates = \"AllBeta=false,NodeLogQuery=true\" }\n scheduler_args = { profiling = true }\n}\netcd { args = { max-txn-ops = 256, auto-compaction-retention = \"1h\", feature-gates = \"LeaseCheckpoint=true\" } }\n", nil},
		"unknown": {"kubernetes {\n apiserver_args = { max-request-inflight = 800 }\n controller_manager_args = { kubelet-port = 1 }\n scheduler_args = { profile = true }\n}\netcd {\n args = { max-txn-op = 256 }\n}\n", []string{
			`2 error: Unknown flag: kube-apiserver 1.37.1 has no flag "max-request-inflight"; did you mean "max-requests-inflight"?`,
			`3 error: Unknown flag: kube-controller-manager 1.37.1 has no flag "kubelet-port".`,
			`4 error: Unknown flag: kube-scheduler 1.37.1 has no flag "profile"; did you mean "profiling"?`,
			`7 error: Unknown flag: etcd 3.7.3 has no flag "max-txn-op"; did you mean "max-txn-ops"?`}},
		"values": {"kubernetes {\n apiserver_args = {\n max-requests-inflight = \"many\"\n profiling = \"yes\"\n request-timeout = 60\n feature-gates = \"NodeLogQery=true,NodeLogQuery\"\n }\n}\netcd {\n args = { heartbeat-interval = \"100ms\" }\n}\n", []string{
			`3 error: Wrong value of a flag: Flag max-requests-inflight of kube-apiserver takes a whole number, not "many".`,
			`4 error: Wrong value of a flag: Flag profiling of kube-apiserver takes true or false, not "yes".`,
			`5 error: Wrong value of a flag: Flag request-timeout of kube-apiserver takes a duration such as "30s", not "60".`,
			`6 error: Unknown feature gate: Kubernetes 1.37.1 has no feature gate "NodeLogQery"; did you mean "NodeLogQuery"?`,
			`6 error: Wrong value of a flag: Flag feature-gates takes NAME=true or NAME=false, several with commas, not "NodeLogQuery".`,
			`10 error: Wrong value of a flag: Flag heartbeat-interval of etcd takes a whole number, not "100ms".`}},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, tc.want, judged(t, "1.37.1", tc.lines)) })
	}
}

// Other minor releases may have what the lists do not: that is a warning.
func TestOtherReleasesAreJudgedLeniently(t *testing.T) {
	lines := "kubernetes {\n kubelet = { oldField = 1, maxPods = \"7\" }\n apiserver_args = { old-flag = 1 }\n}\n"
	assert.Equal(t, []string{
		`2 warning: Field that provision does not know: It knows no field "oldField" in KubeletConfiguration, and cannot tell for version 1.36.4.`,
		`2 error: Wrong type: maxPods of KubeletConfiguration must be a whole number, without quotes, not "7".`,
		`3 warning: Unknown flag: kube-apiserver 1.37 has no flag "old-flag", and provision does not know those of 1.36.4: a program that gets what it does not know does not start.`,
	}, judged(t, "1.36.4", lines))
}
