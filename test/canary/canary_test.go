package canary_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/canary"
)

func TestEveryFormIsFound(t *testing.T) {
	planted, other := canary.Random("planted"), canary.Random("other")
	var set canary.Set
	require.NoError(t, set.Add(planted, other))
	secret := planted.Content
	inJSON, err := json.Marshal(map[string]any{"a": "x " + secret + " y"})
	require.NoError(t, err)
	leaks := map[string]string{
		"itself": "password=" + secret + "\n", "JSON": string(inJSON), "Go": fmt.Sprintf("%q", secret), "value": fmt.Sprintf("%v", []byte(secret)),
		"URL": "https://x/?p=" + url.QueryEscape(secret), "path": "https://x/" + url.PathEscape(secret), "hex": fmt.Sprintf("%x", secret), "HEX": fmt.Sprintf("%X", secret),
	}
	for shift := range 6 {
		text := strings.Repeat("u", shift) + secret + strings.Repeat("v", shift%4)
		leaks[fmt.Sprint("base64 ", shift)] = base64.StdEncoding.EncodeToString([]byte(text))
		leaks[fmt.Sprint("URL-safe base64 ", shift)] = base64.URLEncoding.EncodeToString([]byte(text))
		leaks[fmt.Sprint("base64 in JSON ", shift)] = fmt.Sprintf("%q", base64.StdEncoding.EncodeToString([]byte(text)))
	}
	patterns := filepath.Join(t.TempDir(), "patterns")
	require.NoError(t, os.WriteFile(patterns, []byte(set.Patterns()), 0o600))
	for name, leak := range leaks {
		hits := set.Find([]byte("before " + leak + " after"))
		require.NotEmpty(t, hits, name)
		for _, hit := range hits {
			assert.Equal(t, "planted", hit.Name, name)
			assert.NotContains(t, hit.String(), secret)
		}
		grep := exec.Command("grep", "-qaFf", patterns)
		grep.Stdin = strings.NewReader("before " + leak + " after\n")
		assert.NoError(t, grep.Run(), "grep finds %s", name)
	}
	assert.Empty(t, set.Find([]byte("nothing of the kind: "+hex.EncodeToString([]byte("cnry")))))
	assert.Empty(t, set.Find([]byte(secret[:len(secret)-1])), "half a secret is another one")
}

func TestShortCanariesAreRefused(t *testing.T) {
	var set canary.Set
	require.Error(t, set.Add(canary.Canary{Name: "x", Content: "short"}))
	assert.Zero(t, set.Len())
}

func TestCanariesDiffer(t *testing.T) {
	assert.NotEqual(t, canary.Random("a"), canary.Random("a"))
	assert.GreaterOrEqual(t, len(canary.Forms(canary.Random("a").Content)), 12)
}
