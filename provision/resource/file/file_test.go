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
	"provision/provision/resource"
	"provision/provision/secret"
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
	plan := planned(t, host, Spec{Content: "public", Attr: system.Attr{Mode: 0o644}})
	assert.NotContains(t, plan, "hunter1", "the old file was private")
	assert.NotContains(t, plan, digest("hunter1")[:12], "whoever reads the plan could try passwords")
	assert.Contains(t, plan, digest("public")[:12])
	require.NoError(t, host.Put("/etc/app.conf", "hunter1", 0o644))
	plan = planned(t, host, Spec{Secret: secret.OnWire(secret.New("hunter2")), Attr: system.Attr{Mode: 0o600}})
	assert.NotContains(t, plan, "hunter")
	assert.NotContains(t, plan, digest("hunter1")[:12])
	assert.NotContains(t, plan, digest("hunter2")[:12])
}

func TestAKeyTellsWhichSecretsDiffer(t *testing.T) {
	host, key := open(t), secret.New("a key")
	require.NoError(t, host.Put("/etc/app.conf", "hunter1", 0o600))
	shown := func(want string) resource.Change {
		spec := Spec{Secret: secret.OnWire(secret.New(want)), Attr: system.Attr{Mode: 0o600}}
		state, err := kind{}.Observe(t.Context(), host.System, "/etc/app.conf", spec)
		require.NoError(t, err)
		changes := kind{}.Diff("/etc/app.conf", spec, state)
		require.Len(t, changes, 1)
		return changes[0].Seal(key.Keyed)
	}
	two, three := shown("hunter2"), shown("hunter3")
	assert.Equal(t, two.Old, three.Old)
	assert.NotEqual(t, two.New, three.New, "another password, another plan")
	assert.Equal(t, "secret "+key.Keyed(digest("hunter2"))[:12], two.New)
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
	hidden := Spec{Secret: secret.OnWire(secret.New("x")), Attr: system.Attr{Mode: 0o640}}
	assert.NoError(t, kind{}.Check("/a", hidden))
	for name, spoil := range map[string]func(*Spec){
		"two contents":       func(s *Spec) { s.Content = "y" },
		"for everyone":       func(s *Spec) { s.Attr.Mode = 0o644 },
		"shown to a command": func(s *Spec) { s.Validate = []string{"check", "{}"} },
	} {
		bad := hidden
		spoil(&bad)
		assert.Error(t, kind{}.Check("/a", bad), name)
	}
}

func TestADirectoryInTheWayIsToldBeforeAnythingChanges(t *testing.T) {
	host := open(t)
	require.NoError(t, host.Put("/etc/app.conf/something", "", 0o644))
	_, err := kind{}.Observe(t.Context(), host.System, "/etc/app.conf", Spec{Content: "x", Attr: system.Attr{Mode: 0o644}})
	assert.ErrorContains(t, err, "/etc/app.conf is a directory: remove it")
}
