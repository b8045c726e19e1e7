package kube

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const metrics = `# HELP apiserver_requested_deprecated_apis [STABLE] Gauge of deprecated APIs that have been requested, broken out by API group, version, resource, subresource, and removed_release.
# TYPE apiserver_requested_deprecated_apis gauge
apiserver_requested_deprecated_apis{group="policy",removed_release="1.38",resource="poddisruptionbudgets",subresource="",version="v1beta1"} 1
apiserver_requested_deprecated_apis{group="",removed_release="",resource="endpoints",subresource="status",version="v1"} 1
apiserver_requested_deprecated_apis{group="x",removed_release="1.40",resource="old",subresource="",version="v1"} 0
apiserver_request_total{code="200"} 17
`

func TestDeprecatedReadsTheMetrics(t *testing.T) {
	list, err := readDeprecated(strings.NewReader(metrics))
	require.NoError(t, err)
	require.Len(t, list, 2)
	assert.Equal(t, Deprecated{Group: "policy", Version: "v1beta1", Resource: "poddisruptionbudgets", Removed: "1.38"}, list[0])
	assert.Equal(t, "policy/v1beta1 poddisruptionbudgets", list[0].String())
	assert.Equal(t, "v1 endpoints/status", list[1].String())
}

func TestDeprecatedRefusesDamagedMetrics(t *testing.T) {
	for _, line := range []string{"", "{", `group`, `group="`, `group="x`, `group="x\`, `group="x",`} {
		_, err := readDeprecated(strings.NewReader("apiserver_requested_deprecated_apis{" + line + "\n"))
		require.Error(t, err, "%q", line)
	}
	list, err := readDeprecated(strings.NewReader(`apiserver_requested_deprecated_apis{group="a\"b\\\n"} 1`))
	require.NoError(t, err)
	assert.Equal(t, "a\"b\\\n", list[0].Group)
}

func FuzzReadDeprecated(f *testing.F) {
	f.Add(metrics)
	f.Add("apiserver_requested_deprecated_apis{a=\"\\")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := readDeprecated(strings.NewReader(text))
		if err == nil {
			assert.LessOrEqual(t, len(list), strings.Count(text, deprecatedMetric))
		}
	})
}
