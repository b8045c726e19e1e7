package helm

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v4/pkg/release/common"
	release "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage/driver"
)

func TestRevisionsAreToldOnceTheyAreWrittenDown(t *testing.T) {
	var told []string
	memory := driver.NewMemory()
	w := watched{memory, func(name string) { told = append(told, name) }}
	revision := &release.Release{Name: "web", Namespace: "default", Version: 1, Info: &release.Info{Status: common.StatusPendingInstall}}
	require.NoError(t, w.Create("sh.helm.release.v1.web.v1", revision))
	require.Error(t, w.Create("sh.helm.release.v1.web.v1", revision), "it exists")
	revision.Info.Status = common.StatusDeployed
	require.NoError(t, w.Update("sh.helm.release.v1.web.v1", revision))
	assert.Equal(t, []string{"release web pending-install", "release web deployed"}, told)
}
