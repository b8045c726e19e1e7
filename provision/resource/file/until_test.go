package file_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"provision/provision/internal/system"
	"provision/provision/resource/file"
)

func TestUntilLeavesTheFileAlone(t *testing.T) {
	root := t.TempDir()
	sys, err := system.Real(root, system.Options{})
	require.NoError(t, err)
	ctx, kind, name := context.Background(), file.Of(), "/etc/first.env"
	attr := system.Attr{UID: os.Getuid(), GID: os.Getgid(), Mode: 0o644}
	spec := func(content string) json.RawMessage {
		raw, err := json.Marshal(file.Spec{Content: content, Attr: attr, Until: "/data/member"})
		require.NoError(t, err)
		return raw
	}
	differs := func(want json.RawMessage) bool {
		have, err := kind.Observe(ctx, sys, name, want)
		require.NoError(t, err)
		changes, err := kind.Diff(name, want, have)
		require.NoError(t, err)
		return len(changes) > 0
	}
	require.True(t, differs(spec("one")))
	require.NoError(t, kind.Apply(ctx, sys, name, spec("one")))
	require.False(t, differs(spec("one")))
	require.True(t, differs(spec("two")), "it counts until there is data")

	require.NoError(t, os.MkdirAll(filepath.Join(root, "data/member"), 0o755))
	require.False(t, differs(spec("two")))
	require.NoError(t, kind.Apply(ctx, sys, name, spec("two")))
	content, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	require.Equal(t, "one", string(content))

	require.NoError(t, os.Remove(filepath.Join(root, name)))
	require.True(t, differs(spec("two")), "a missing file would keep the unit from starting")

	require.NoError(t, kind.Apply(ctx, sys, name, spec("two")))
	require.NoError(t, os.RemoveAll(filepath.Join(root, "data/member")))
	require.True(t, differs(spec("three")), "data that are lost make it count again")
}
