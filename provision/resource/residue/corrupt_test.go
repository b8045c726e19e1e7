package residue

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/test/corrupt"
)

// A damaged note never leads to the removal of what no spec could name.
func TestDamagedNotes(t *testing.T) {
	whole := Spec{Groups: []string{"kubepods"}, Commands: []string{"containerd-shim"}, Mounts: []string{"/var/lib/kubelet/"},
		Links: []string{"cni0"}, Tables: []string{"ip kube-proxy"}, Paths: []string{"/var/lib/cni"}}.summary()
	corrupt.Feed(t, 1, func(in []byte) bool {
		var spec Spec
		if json.Unmarshal(in, &spec) != nil || (kind{}).Check("pods", spec) != nil {
			return false
		}
		for _, path := range append(spec.Mounts, spec.Paths...) {
			assert.True(t, strings.HasPrefix(path, "/") && strings.Count(path, "/") > 1 && !strings.Contains(path, ".."), path)
		}
		return true
	}, []byte(whole))
}

func TestDamagedListsOfProcessesAndMounts(t *testing.T) {
	corrupt.Feed(t, 2, func(in []byte) bool {
		for _, path := range mounts(string(in)) {
			assert.NotEmpty(t, path)
		}
		return inGroup(string(in), []string{"kubepods"})
	}, []byte("4:memory:/kubepods/burstable/pod1/c\n0::/\n"), []byte("22 21 0:5 / /var/lib/kubelet rw - ext4 /dev/sdb rw\n23 22 0:6 / /a\\040b rw - tmpfs tmpfs rw\n"))
}
