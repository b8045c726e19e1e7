package identity

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/system"
	"provision/provision/internal/system/systemfake"
)

func TestBeforeTheIdentityIsThere(t *testing.T) {
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	want := Spec{Item: system.ClusterKey, Attr: system.Attr{Mode: 0o600}}
	state, err := kind{}.Observe(t.Context(), host.System, "/pki/ca.key", want)
	require.NoError(t, err)
	changes := kind{}.Diff("/pki/ca.key", want, state)
	require.Len(t, changes, 1)
	assert.True(t, changes[0].Create)
	assert.Contains(t, changes[0].New, "known after")
	assert.ErrorContains(t, kind{}.Apply(t.Context(), host.System, "/pki/ca.key", want), "has no cluster.key")

	require.NoError(t, host.CA.Create("cluster"))
	state, err = kind{}.Observe(t.Context(), host.System, "/pki/ca.key", want)
	require.NoError(t, err)
	assert.Equal(t, "(new secret)", kind{}.Diff("/pki/ca.key", want, state)[0].New)
	assert.Error(t, kind{}.Check("/pki/ca.key", Spec{Item: "../../etc/shadow", Attr: want.Attr}))
}

func TestOfTwoAuthoritiesOneSignsAndBothAreTrusted(t *testing.T) {
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	block := func(text string) string { return "-----BEGIN X-----\n" + text + "\n-----END X-----\n" }
	read := func(part string) string {
		want := Spec{Item: system.ClusterCA, Part: part, Attr: system.Attr{Mode: 0o644}}
		require.NoError(t, kind{}.Apply(t.Context(), host.System, "/pki/"+part, want))
		state, err := kind{}.Observe(t.Context(), host.System, "/pki/"+part, want)
		require.NoError(t, err)
		assert.Empty(t, kind{}.Diff("/pki/"+part, want, state))
		content, err := host.Files.ReadFile("/pki/" + part)
		require.NoError(t, err)
		return string(content)
	}
	a, b := block("YWFh"), block("YmJi")
	require.NoError(t, host.Put(system.IdentityDir+"/"+system.ClusterCA, a+b, 0o600))
	assert.Equal(t, a, read(Signer))
	trusted := read(Trusted)
	require.NoError(t, host.Put(system.IdentityDir+"/"+system.ClusterCA, b+a, 0o600))
	assert.Equal(t, b, read(Signer))
	assert.Equal(t, trusted, read(Trusted), "who only verifies is left alone when another one signs")
	assert.Error(t, kind{}.Check("/x", Spec{Item: system.ClusterCA, Part: "other", Attr: system.Attr{Mode: 0o644}}))
}
