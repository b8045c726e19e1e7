package file

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/system"
	"provision/provision/internal/system/systemfake"
)

func open(t *testing.T) *systemfake.Host {
	t.Helper()
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	return host
}

func planned(t *testing.T, host *systemfake.Host, want Spec) string {
	t.Helper()
	state, err := kind{}.Observe(t.Context(), host.System, "/etc/app.conf", want)
	require.NoError(t, err)
	text, err := json.Marshal(kind{}.Diff("/etc/app.conf", want, state))
	require.NoError(t, err)
	return string(text)
}

func TestDiffShowsLinesOfPublicFiles(t *testing.T) {
	host := open(t)
	require.NoError(t, host.Put("/etc/app.conf", "a\nold\nc\n", 0o644))
	plan := planned(t, host, Spec{Content: "a\nnew\nc\n", Attr: system.Attr{Mode: 0o640}})
	assert.Contains(t, plan, `-old\n+new\n`)
	assert.Contains(t, plan, `"field":"mode","old":"0644","new":"0640"`)
}

func TestDiffNeverShowsSecrets(t *testing.T) {
	host := open(t)
	require.NoError(t, host.Put("/etc/app.conf", "hunter1", 0o600))
	assert.NotContains(t, planned(t, host, Spec{Content: "public", Attr: system.Attr{Mode: 0o644}}), "hunter1", "the old file was private")
	require.NoError(t, host.Put("/etc/app.conf", "hunter1", 0o644))
	plan := planned(t, host, Spec{Content: "hunter2", Secret: true, Attr: system.Attr{Mode: 0o600}})
	assert.NotContains(t, plan, "hunter")
	assert.NotContains(t, plan, digest("hunter2")[:12])
}

func TestARefusedCandidateReplacesNothing(t *testing.T) {
	host := open(t)
	require.NoError(t, host.Put("/etc/app.conf", "good", 0o644))
	host.Commands.Handle("check", func(argv []string) (string, error) {
		if strings.HasSuffix(argv[1], "candidate") {
			return "", errors.New("line 1: bad")
		}
		return "", nil
	})
	want := Spec{Content: "bad", Attr: system.Attr{Mode: 0o644}, Validate: []string{"check", "{}"}}
	err := kind{}.Apply(t.Context(), host.System, "/etc/app.conf", want)
	require.ErrorContains(t, err, "line 1: bad")
	content, err := host.Files.ReadFile("/etc/app.conf")
	require.NoError(t, err)
	assert.Equal(t, "good", string(content))
	assert.NoFileExists(t, host.Root+candidate("/etc/app.conf"))
}

func TestAKillBeforeTheReloadShows(t *testing.T) {
	host := open(t)
	require.NoError(t, host.Put("/etc/systemd/system/a.service", "old", 0o644))
	require.NoError(t, host.Systemd.Set("a.service", systemfake.Unit{Active: "active"}))
	want := Spec{Content: "new", Attr: system.Attr{Mode: 0o644}, DaemonReload: true}
	require.NoError(t, host.Put("/etc/systemd/system/a.service", "new", 0o644))
	state, err := kind{}.Observe(t.Context(), host.System, "/etc/systemd/system/a.service", want)
	require.NoError(t, err)
	assert.NotEmpty(t, kind{}.Diff("", want, state))
}

func TestCheck(t *testing.T) {
	good := Spec{Attr: system.Attr{Mode: 0o644}}
	assert.NoError(t, kind{}.Check("/a", good))
	for _, name := range []string{"", "a", "/", "/a/", "/a/../b", "/a\x00"} {
		assert.Error(t, kind{}.Check(name, good), "%q", name)
	}
	assert.Error(t, kind{}.Check("/a", Spec{}), "no mode")
	assert.Error(t, kind{}.Check("/a", Spec{Attr: good.Attr, Content: strings.Repeat("x", maxContent+1)}))
}

func TestADirectoryInTheWayIsToldBeforeAnythingChanges(t *testing.T) {
	host := open(t)
	require.NoError(t, host.Put("/etc/app.conf/something", "", 0o644))
	_, err := kind{}.Observe(t.Context(), host.System, "/etc/app.conf", Spec{Content: "x", Attr: system.Attr{Mode: 0o644}})
	assert.ErrorContains(t, err, "/etc/app.conf is a directory: remove it")
}
