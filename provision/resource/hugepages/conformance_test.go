package hugepages_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/system/systemfake"
	"provision/provision/resource/hugepages"
	"provision/provision/resource/resourcetest"
)

func kernel(pages string) func(*systemfake.Host) error {
	return func(host *systemfake.Host) error {
		return host.Put("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", pages+"\n", 0o644)
	}
}

func TestConformance(t *testing.T) {
	spec := hugepages.Spec{Count: 512}
	resourcetest.Run(t,
		resourcetest.Case{Title: "none so far", Kind: hugepages.Of(), Name: "2048", Spec: spec, Setup: kernel("0"), Drifts: map[string]func(*systemfake.Host) error{
			"fewer": kernel("8"),
			"file deleted": func(host *systemfake.Host) error {
				return host.Files.Remove("/etc/tmpfiles.d/provision-hugepages-2048kB.conf")
			},
		}},
		resourcetest.Case{Title: "now but not at boot", Kind: hugepages.Of(), Name: "2048", Spec: spec, Setup: kernel("512")},
		resourcetest.Case{Title: "none any more", Kind: hugepages.Of(), Name: "2048", Spec: hugepages.Spec{}, Setup: kernel("7")},
	)
}

func TestAKernelWithoutPagesOfTheSize(t *testing.T) {
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	spec, err := json.Marshal(hugepages.Spec{Count: 1})
	require.NoError(t, err)
	require.ErrorContains(t, hugepages.Of().Apply(t.Context(), host.System, "1048576", spec), "none of this size")
	require.NoError(t, kernel("many")(host))
	_, err = hugepages.Of().Observe(t.Context(), host.System, "2048", spec)
	require.Error(t, err)
	assert.Error(t, hugepages.Of().Check("2Mi", spec))
}
