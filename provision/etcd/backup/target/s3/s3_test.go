package s3_test

import (
	"bytes"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/etcd/backup/target"
	"provision/provision/etcd/backup/target/s3"
	"provision/provision/secret"
)

func spec(endpoint string) target.S3 {
	return target.S3{Endpoint: endpoint, Bucket: "etcd", Prefix: "dc1", Region: "east", PathStyle: true,
		AccessKey: secret.OnWire(secret.New("access")), SecretKey: secret.OnWire(secret.New("hunter2"))}
}

// What every request must have, for object lock, private authorities and
// proxies; real servers are the journeys' matter.
func TestWhatIsSent(t *testing.T) {
	var seen atomic.Pointer[http.Request]
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r)
		w.Header().Set("ETag", `"x"`)
	}))
	t.Cleanup(server.Close)
	given := spec(server.URL)
	given.CA = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	b, err := s3.Open("s3", given)
	require.NoError(t, err)
	require.NoError(t, b.Put(t.Context(), "u/one", bytes.NewReader([]byte("1")), 1))
	assert.Equal(t, "/etcd/dc1/u/one", seen.Load().URL.Path, "path style, below the prefix")
	assert.NotEmpty(t, seen.Load().Header.Get("Content-Md5"))
	assert.Contains(t, seen.Load().Header.Get("Authorization"), "/east/s3/")
	require.NoError(t, b.Close())

	b, err = s3.Open("s3", spec(server.URL))
	require.NoError(t, err)
	assert.ErrorContains(t, b.Put(t.Context(), "u/one", bytes.NewReader([]byte("1")), 1), "certificate", "another authority")
	given.CA = "none"
	_, err = s3.Open("s3", given)
	assert.ErrorContains(t, err, "no certificate")
}

func TestProxy(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("ETag", `"x"`) }))
	t.Cleanup(server.Close)
	to, err := url.Parse(server.URL)
	require.NoError(t, err)
	var through atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		through.Add(1)
		httputil.NewSingleHostReverseProxy(to).ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	given := spec("http://s3.invalid")
	given.Proxy = proxy.URL
	b, err := s3.Open("s3", given)
	require.NoError(t, err)
	require.NoError(t, b.Put(t.Context(), "u/one", bytes.NewReader([]byte("1")), 1))
	assert.Positive(t, through.Load())
}

func TestWhatServersRefuse(t *testing.T) {
	for code, want := range map[string]string{"NoSuchBucket": "create the bucket", "RequestTimeTooSkewed": "clock", "AccessDenied": "AccessDenied"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte("<Error><Code>" + code + "</Code><Message>" + code + "</Message></Error>"))
		}))
		t.Cleanup(server.Close)
		b, err := s3.Open("s3", spec(server.URL))
		require.NoError(t, err)
		_, err = b.List(t.Context(), "")
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "hunter2")
		assert.Equal(t, code == "AccessDenied", strings.Contains(err.Error(), "AccessDenied"))
		assert.ErrorIs(t, b.Delete(t.Context(), "u/one"), target.ErrLocked)
	}
}
