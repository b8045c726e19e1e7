package support_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/inventory"
	"provision/provision/support"
)

const canary = "cAnArY7f3a91"

func TestMaskHidesWhatSecretsLookLike(t *testing.T) {
	mask := support.NewMask("known-" + canary)
	for _, text := range []string{
		"-----BEGIN EC PRIVATE KEY-----\n" + canary + "\n-----END EC PRIVATE KEY-----",
		"-----BEGIN OPENSSH PRIVATE KEY-----\n" + canary + "\ncut off",
		"key AGE-SECRET-KEY-1" + canary,
		"token eyJhbGciOiJSUzI1NiIs.eyJpc3MiOiJr" + canary + ".c2ln" + canary,
		"Authorization: Bearer " + canary,
		`{"authorization":["Bearer ` + canary + `"]}`,
		"authorization: basic " + canary,
		"https://user:" + canary + "@registry.example/v2",
		"password=" + canary, `"password": "` + canary + `"`, "DB_PASSWORD='" + canary + "'", "--token=" + canary, "  secret: " + canary,
		`msg="{\"client_secret\":\"` + canary + `\"}"`,
		"aws_secret_access_key = " + canary, "?api_key=" + canary + "&x=1", `{"auth": "` + canary + `"}`, `{"identitytoken":"` + canary + `"}`,
		"client-key-data: " + canary,
		"here is known-" + canary + " in the middle",
	} {
		assert.NotContains(t, string(mask.Bytes([]byte(text))), canary, "%s", text)
	}
	for _, text := range []string{
		"listen tcp 10.0.0.1:2379: bind: address already in use", "m1 kubelet[509]: I1122 12:41:49.103064 server.go:177] ok",
		"sha256:e9c216b9f7fb", "https://127.0.0.1:7443/readyz", "GET /api/v1/namespaces/kube-system/secrets",
	} {
		assert.Equal(t, text, string(mask.Bytes([]byte(text))))
	}
}

func read(t *testing.T, raw []byte) map[string]string {
	t.Helper()
	zipped, err := gzip.NewReader(bytes.NewReader(raw))
	require.NoError(t, err)
	files := map[string]string{}
	for archive := tar.NewReader(zipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		require.NoError(t, err)
		assert.EqualValues(t, 0o600, header.Mode)
		text, err := io.ReadAll(archive)
		require.NoError(t, err)
		files[header.Name] = string(text)
	}
}

func TestArchiveIsBoundedMaskedAndStaysInItsFolder(t *testing.T) {
	var out bytes.Buffer
	a := support.New(&out, "s", time.Unix(0, 0), support.NewMask())
	a.JSON("status.json", map[string]string{"password": canary})
	a.Add("../../etc/cron.d/evil\x1b", []byte("x"))
	a.Failed("plan", errors.New("no answer"))
	names, err := a.Close()
	require.NoError(t, err)
	files := read(t, out.Bytes())
	assert.Len(t, files, 3)
	assert.Len(t, names, 3)
	assert.NotContains(t, files["s/status.json"], canary)
	assert.Equal(t, "x", files["s/etc/cron.d/evil_"])
	assert.Contains(t, files["s/plan.error.txt"], "no answer")
}

func TestViewHidesArgumentsThatSoundSecret(t *testing.T) {
	inv := &inventory.Inventory{}
	inv.Kubernetes.APIServerArgs = map[string]string{"service-account-token-x": canary, "v": "4"}
	inv.SSH.PasswordEnv = canary
	raw, err := json.Marshal(support.View(inv))
	require.NoError(t, err)
	assert.NotContains(t, string(raw), canary)
	assert.Contains(t, string(raw), `"v":"4"`)
}

func FuzzMask(f *testing.F) {
	f.Add("password=x token: y")
	f.Fuzz(func(t *testing.T, text string) {
		mask := support.NewMask(canary)
		assert.NotContains(t, string(mask.Bytes([]byte(text+" "+canary))), canary)
		support.Name(text)
	})
}
