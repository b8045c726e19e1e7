package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/secret"
)

const canary = "hunter2-hunter2"

// holder keeps secrets in every position, also where fmt asks no method.
type holder struct {
	Shown   secret.Value
	hidden  secret.Value
	Pointer *secret.Value
	ByName  map[string]secret.Value
	List    []secret.Wire
	any     any
}

func held() holder {
	v := secret.New(canary)
	return holder{v, v, &v, map[string]secret.Value{"x": v}, []secret.Wire{secret.OnWire(v)}, v}
}

func TestNoVerbShowsAValue(t *testing.T) {
	whole := held()
	for _, what := range []any{whole.Shown, whole.List[0], whole, &whole, []holder{whole}, fmt.Errorf("x: %v", whole.Shown)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10.3s"} {
			text := fmt.Sprintf(verb, what)
			assert.NotContains(t, text, "hunter", "%s of %T", verb, what)
			assert.NotContains(t, strings.ToLower(text), fmt.Sprintf("%x", "hunter"), "%s of %T", verb, what)
			assert.NotContains(t, text, strings.Trim(fmt.Sprintf("%d", []byte("hunter")), "[]"), "%s of %T", verb, what)
		}
	}
}

func TestNoLogShowsAValue(t *testing.T) {
	whole := held()
	var out bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		log := slog.New(handler)
		log.Info("x", "value", whole.Shown, "wire", secret.OnWire(whole.Shown).Value, "pointer", whole.Pointer, "named", whole.ByName)
	}
	assert.NotContains(t, out.String(), "hunter")
	assert.Contains(t, out.String(), "(secret)")
}

func TestJSONShowsNoValueAndReadsNone(t *testing.T) {
	raw, err := json.Marshal(map[string]any{"a": secret.New(canary), "b": held().ByName})
	require.NoError(t, err)
	assert.JSONEq(t, `{"a":"(secret)","b":{"x":"(secret)"}}`, string(raw))
	var back struct{ A secret.Value }
	assert.Error(t, json.Unmarshal(raw, &back), "(secret) must not become a password")
}

func TestWireCrosses(t *testing.T) {
	type params struct {
		Key  secret.Wire            `json:"key,omitzero"`
		Item map[string]secret.Wire `json:"item,omitempty"`
	}
	for _, content := range []string{canary, "\x00\xff\n", ""} {
		raw, err := json.Marshal(params{Key: secret.OnWire(secret.New(content)), Item: map[string]secret.Wire{"x": {Value: secret.New(content)}}})
		require.NoError(t, err)
		var back params
		require.NoError(t, json.Unmarshal(raw, &back))
		assert.Equal(t, content, back.Key.Reveal())
		assert.Equal(t, content, back.Item["x"].Reveal())
	}
	var back params
	err := json.Unmarshal([]byte(`{"key":"hunter2!"}`), &back)
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "hunter")
}

func TestKeyedDigestsNeedTheKey(t *testing.T) {
	a, b := secret.New("key a"), secret.New("key b")
	assert.Equal(t, a.Keyed(canary), a.Keyed(canary))
	assert.NotEqual(t, a.Keyed(canary), b.Keyed(canary))
	assert.NotEqual(t, a.Keyed(canary), a.Keyed(canary+"x"))
	assert.Len(t, a.Keyed(canary), 64)
}

func TestEmptyAndEqual(t *testing.T) {
	assert.True(t, secret.Value{}.Empty())
	assert.True(t, secret.New("").Equal(secret.Value{}))
	assert.True(t, secret.New("a").Equal(secret.Of([]byte("a"))))
	assert.False(t, secret.New("a").Equal(secret.New("b")))
}
