package pull_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/bundle"
	"provision/provision/bundle/catalogue"
	"provision/provision/bundle/lock"
	"provision/provision/bundle/pull"
)

var java = bundle.Ref{Name: "image-java", Version: "4.1.0", Arch: "amd64"}

const jarPath = "/org/example/kafka_2.13/4.1.0/kafka_2.13-4.1.0.jar"

// repository is a Maven repository of one jar, over HTTPS.
func repository(t *testing.T, files map[string]string) (*httptest.Server, pull.Options) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, there := files[r.URL.Path]
		if !there {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, text)
	}))
	t.Cleanup(server.Close)
	t.Setenv("HOME", t.TempDir())
	return server, pull.Options{
		Lock: &lock.Lock{}, HTTP: server.Client(), Repositories: map[string]string{"maven": server.URL + "/"},
		Catalogue: catalogue.Catalogue{{Name: "image-java", Format: bundle.OCI, Image: &catalogue.ImageSource{
			Reference:  "example.org/java:{version}",
			Jars:       &catalogue.Jars{Folder: "opt/java/libs", Coordinates: []string{"org.example:kafka_2.13:{version}"}},
			Entrypoint: []string{"/usr/bin/java"},
		}}},
	}
}

func TestJarsOfAnImage(t *testing.T) {
	for name, sums := range map[string]map[string]string{
		"SHA-256": {".sha256": fmt.Sprintf("%x  kafka.jar\n", sha256.Sum256([]byte("jar")))},
		"SHA-1":   {".sha1": fmt.Sprintf("%x", sha1.Sum([]byte("jar")))},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{jarPath: "jar"}
			for suffix, text := range sums {
				files[jarPath+suffix] = text
			}
			_, opts := repository(t, files)
			st := open(t)
			first, err := pulled(t, st, java, opts)
			require.NoError(t, err)
			again, err := pulled(t, open(t), java, opts)
			require.NoError(t, err)
			assert.Equal(t, first, again)
			own, err := lock.Load(st.Dir() + "/lock.json")
			require.NoError(t, err)
			assert.Equal(t, fmt.Sprintf("%x", sha256.Sum256([]byte("jar"))), own.Outputs["maven org.example:kafka_2.13:4.1.0:jar"].SHA256)

			files[jarPath] = "evil"
			for suffix := range sums {
				delete(files, jarPath+suffix)
			}
			files[jarPath+".sha256"] = fmt.Sprintf("%x", sha256.Sum256([]byte("evil")))
			opts.Lock = &own
			var mismatch *lock.MismatchError
			_, err = pulled(t, open(t), java, opts)
			require.ErrorAs(t, err, &mismatch, "whatever the repository says now")
		})
	}
}

func TestJarsThatAreRefused(t *testing.T) {
	good := fmt.Sprintf("%x", sha256.Sum256([]byte("jar")))
	for name, tc := range map[string]struct {
		files map[string]string
		plain bool
		want  string
	}{
		"not there":           {map[string]string{}, false, "404"},
		"no checksum":         {map[string]string{jarPath: "jar"}, false, "no checksum beside it"},
		"another checksum":    {map[string]string{jarPath: "jar", jarPath + ".sha256": strings.Repeat("0", 64)}, false, "cannot use"},
		"an empty checksum":   {map[string]string{jarPath: "jar", jarPath + ".sha1": ""}, false, "cannot use"},
		"HTTP without a lock": {map[string]string{jarPath: "jar", jarPath + ".sha256": good}, true, "nothing vouches for plain HTTP"},
	} {
		t.Run(name, func(t *testing.T) {
			server, opts := repository(t, tc.files)
			if tc.plain {
				plain := httptest.NewServer(server.Config.Handler)
				t.Cleanup(plain.Close)
				opts.Repositories["maven"] = plain.URL
			}
			st := open(t)
			_, err := pulled(t, st, java, opts)
			require.ErrorContains(t, err, tc.want)
			blobs, err := os.ReadDir(filepath.Join(st.Dir(), "blobs"))
			require.NoError(t, err)
			assert.Empty(t, blobs)
		})
	}
}

func TestMavensOwnMirrorIsUsed(t *testing.T) {
	server, opts := repository(t, map[string]string{jarPath: "jar", jarPath + ".sha256": fmt.Sprintf("%x", sha256.Sum256([]byte("jar")))})
	opts.Repositories = nil
	settings := filepath.Join(os.Getenv("HOME"), ".m2", "settings.xml")
	require.NoError(t, os.MkdirAll(filepath.Dir(settings), 0o755))
	write := func(of string) {
		text := "<settings><mirrors><mirror><mirrorOf>snapshots</mirrorOf><url>https://nowhere.invalid</url></mirror>" +
			"<mirror><mirrorOf>" + of + "</mirrorOf><url> " + server.URL + "/ </url></mirror></mirrors></settings>"
		require.NoError(t, os.WriteFile(settings, []byte(text), 0o600))
	}
	for _, of := range []string{"central", "*", "external:*, !internal"} {
		write(of)
		_, err := pulled(t, open(t), java, opts)
		require.NoError(t, err, of)
	}
	require.NoError(t, os.WriteFile(settings, []byte("<settings><mirrors>"), 0o600))
	_, err := pulled(t, open(t), java, opts)
	assert.ErrorContains(t, err, settings)
}
