package resource_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/resource"
	"provision/provision/secret"
)

const oldSum, newSum = "0123456789abcdef-old", "0123456789abcdef-new"

func TestUnsealedChangesTellNoDigest(t *testing.T) {
	for name, test := range map[string]struct {
		change   resource.Change
		old, new string
	}{
		"created":     {resource.Hidden("content", "", newSum), "", "(new secret)"},
		"changed":     {resource.Hidden("content", oldSum, newSum), "(secret)", "(another secret)"},
		"removed":     {resource.Hidden("content", oldSum, ""), "(secret)", ""},
		"made public": {resource.Change{Field: "content", New: "sha256:abc"}.HideOld(oldSum), "(secret)", "sha256:abc"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range []resource.Change{test.change, test.change.Seal(nil)} {
				assert.Equal(t, test.old, c.Old)
				assert.Equal(t, test.new, c.New)
				raw, err := json.Marshal(c)
				require.NoError(t, err)
				for _, text := range []string{string(raw), fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", []resource.Change{c})} {
					assert.NotContains(t, text, "0123456789abcdef")
				}
			}
		})
	}
}

func TestSealedChangesTellWhichSecretsAreTheSame(t *testing.T) {
	a, b := secret.New("key a"), secret.New("key b")
	first := resource.Hidden("content", oldSum, newSum).Seal(a.Keyed)
	assert.Regexp(t, "^secret [0-9a-f]{12}$", first.Old)
	assert.Regexp(t, "^secret [0-9a-f]{12}$", first.New)
	assert.NotEqual(t, first.Old, first.New)
	assert.Equal(t, first, resource.Hidden("content", oldSum, newSum).Seal(a.Keyed), "a plan made anew is the same")
	assert.Equal(t, first.New, resource.Hidden("content", newSum, "").Seal(a.Keyed).Old, "whatever side it is on")
	assert.NotEqual(t, first.New, resource.Hidden("content", oldSum, newSum).Seal(b.Keyed).New, "another cluster's key")
	assert.NotContains(t, fmt.Sprintf("%+v", first), "0123456789abcdef")
	assert.Equal(t, first, first.Seal(b.Keyed), "what is sealed stays")
	plain := resource.Change{Field: "mode", Old: "0644", New: "0600"}
	assert.Equal(t, plain, plain.Seal(a.Keyed))
}

func TestResourcesPrintTheirAddress(t *testing.T) {
	r := resource.New("m1", "file", "/etc/x", map[string]string{"content": "hunter2"})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		assert.Equal(t, `m1/file["/etc/x"]`, fmt.Sprintf(verb, r))
	}
}
