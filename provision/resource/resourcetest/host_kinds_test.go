//go:build labhost

package resourcetest_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/system"
	"provision/provision/pki"
	"provision/provision/resource"
	"provision/provision/resource/archive"
	"provision/provision/resource/binary"
	"provision/provision/resource/cert"
	"provision/provision/resource/directory"
	"provision/provision/resource/file"
	"provision/provision/resource/hosts"
	"provision/provision/resource/identity"
	"provision/provision/resource/kmod"
	"provision/provision/resource/swap"
)

// blob stores content as a blob of the host.
func blob(t *testing.T, sys *system.System, content []byte) string {
	t.Helper()
	sum := sha256.Sum256(content)
	digest := hex.EncodeToString(sum[:])
	require.NoError(t, sys.Files.Mkdir(system.BlobDir, system.Attr{Mode: 0o700}))
	require.NoError(t, sys.Files.WriteFile(system.BlobDir+"/"+digest, bytes.NewReader(content), system.Attr{Mode: 0o600}))
	t.Cleanup(func() { _ = sys.Files.Remove(system.BlobDir + "/" + digest) })
	return digest
}

func packed(t *testing.T, name, content string) []byte {
	t.Helper()
	var out bytes.Buffer
	packer, err := zstd.NewWriter(&out)
	require.NoError(t, err)
	writer := tar.NewWriter(packer)
	require.NoError(t, writer.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(content))}))
	_, err = writer.Write([]byte(content))
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	require.NoError(t, packer.Close())
	return out.Bytes()
}

func TestFiles(t *testing.T) {
	sys := host(t)
	before, err := os.ReadFile("/etc/hosts")
	require.NoError(t, err)
	undo := cycle(t, sys, hosts.New("h", "conformance", "192.0.2.1 conformance"))
	found, err := sys.Runner.Run(context.Background(), system.Command{Argv: []string{"getent", "hosts", "conformance"}})
	require.NoError(t, err)
	assert.Contains(t, string(found.Stdout), "192.0.2.1", "the host resolves it")
	undo()
	after, err := os.ReadFile("/etc/hosts")
	require.NoError(t, err)
	assert.Equal(t, string(before), string(after))

	outer := cycle(t, sys, directory.New("h", "/var/lib/conformance/deep", 0o750))
	inner := cycle(t, sys, file.New("h", "/var/lib/conformance/deep/file", "content", 0o640))
	inner()
	outer()
	assert.NoDirExists(t, "/var/lib/conformance")
}

func TestPrograms(t *testing.T) {
	sys := host(t)
	script := []byte("#!/bin/sh\necho conforms\n")
	undo := cycle(t, sys, binary.New("h", "/usr/local/bin/conformance", blob(t, sys, script), "1"))
	said, err := sys.Runner.Run(context.Background(), system.Command{Argv: []string{"conformance"}})
	require.NoError(t, err)
	assert.Equal(t, "conforms\n", string(said.Stdout))
	undo()

	undo = cycle(t, sys, resource.New("h", archive.Kind, "/opt/conformance", archive.Spec{SHA256: blob(t, sys, packed(t, "bin/tool", "#!/bin/sh\necho unpacked\n"))}))
	said, err = sys.Runner.Run(context.Background(), system.Command{Argv: []string{"/opt/conformance/bin/tool"}})
	require.NoError(t, err)
	assert.Equal(t, "unpacked\n", string(said.Stdout))
	undo()
	assert.NoFileExists(t, "/opt/conformance")
}

// signer is an authority of its own: that of a cluster is not touched.
type signer struct{ ca pki.CA }

func (s signer) Sign(_ context.Context, request system.SignRequest) ([]byte, error) {
	leaf := pki.Leaf{Server: request.Server, Client: request.Client, Life: request.Life}
	return s.ca.Sign(pki.Env{}, request.CSR, leaf)
}

func TestCertificates(t *testing.T) {
	sys := host(t)
	ca, err := pki.NewCA(pki.Env{}, "conformance", time.Hour)
	require.NoError(t, err)
	sys.Signer = signer{ca}
	item := system.IdentityDir + "/conformance.crt"
	require.NoError(t, sys.Files.Mkdir(system.IdentityDir, system.Attr{Mode: 0o700}))
	require.NoError(t, sys.Files.WriteFile(item, bytes.NewReader(ca.CertPEM()), system.Attr{Mode: 0o600}))
	t.Cleanup(func() { _ = sys.Files.Remove(item) })

	cycle(t, sys, identity.New("h", "/etc/conformance/ca.crt", "conformance.crt", 0o644))()
	spec := cert.Spec{CA: "conformance", CommonName: "h", Server: true, DNSNames: []string{"h"},
		Life: 50 * time.Minute, RenewBefore: 5 * time.Minute, Key: "/etc/conformance/h.key", Owner: system.Attr{Mode: 0o600}}
	cycle(t, sys, cert.New("h", "/etc/conformance/h.crt", spec))()
	spec.Server, spec.DNSNames, spec.Client = false, nil, true
	spec.Key, spec.Adopt = "/etc/conformance/client-current.pem", true
	cycle(t, sys, cert.New("h", spec.Key, spec))()
	assert.NoDirExists(t, "/etc/conformance", "no key stays behind")
}

// TestSwap only edits fstab: a lab host in a container shares the machine's swap.
func TestSwap(t *testing.T) {
	sys := host(t)
	used, err := os.ReadFile("/proc/swaps")
	require.NoError(t, err)
	if bytes.Count(used, []byte("\n")) > 1 {
		state, err := kindOf(t, swap.Kind).Observe(context.Background(), sys, "all", swap.Off("h").Spec)
		require.NoError(t, err)
		assert.Contains(t, string(state), "/", "what is in use shows")
		return
	}
	before, err := os.ReadFile("/etc/fstab")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.WriteFile("/etc/fstab", before, 0o644)) })
	require.NoError(t, os.WriteFile("/etc/fstab", append(before, "\n/conformance.swap none swap sw 0 0\n"...), 0o644))
	cycle(t, sys, swap.Off("h"))()
}

func TestModuleThatIsMissing(t *testing.T) {
	sys := host(t)
	want := resource.New("h", kmod.Kind, "no_such_module_xyz", kmod.Spec{CheckOnly: true})
	err := kindOf(t, kmod.Kind).Apply(context.Background(), sys, want.Address.Name, want.Spec)
	assert.Error(t, err)
}
