package agent_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/internal/system"
	"provision/provision/resource"
	"provision/provision/resource/file"
)

func TestFilesThatWereSecretAreNotCollected(t *testing.T) {
	h := newHost(t)
	s := h.locked(t)
	for path, content := range map[string]string{"/etc/open.conf": "shown", "/etc/closed.conf": "hunter2", "/etc/link.conf": "replaced"} {
		spec := file.Spec{Content: content, Attr: system.Attr{UID: os.Getuid(), GID: os.Getgid(), Mode: 0o644}}
		_, err := h.apply(t.Context(), s, resource.New("m1", file.Kind, path, spec), false)
		require.NoError(t, err)
	}
	require.NoError(t, os.Chmod(h.root+"/etc/closed.conf", 0o600))
	require.NoError(t, os.Remove(h.root+"/etc/link.conf"))
	require.NoError(t, os.Symlink("closed.conf", h.root+"/etc/link.conf"))
	found, err := api.Collect.Call(t.Context(), s, api.CollectParams{Files: []string{"/etc/open.conf", "/etc/closed.conf", "/etc/link.conf"}})
	require.NoError(t, err)
	texts := map[string]string{}
	for _, item := range found.Items {
		texts[item.Name] = item.Text + item.Error
	}
	assert.Equal(t, "shown", texts["/etc/open.conf"])
	assert.Contains(t, texts["/etc/closed.conf"], "left out")
	assert.Contains(t, texts["/etc/link.conf"], "left out")
	assert.NotContains(t, mustJSON(t, found), "hunter2")
}
