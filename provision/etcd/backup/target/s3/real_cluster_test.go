//go:build cluster

package s3_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/etcd/backup/target"
	"provision/provision/etcd/backup/target/s3"
	"provision/provision/etcd/backup/target/targettest"
)

// gateway starts a real S3 server over a folder.
func gateway(t *testing.T) string {
	t.Helper()
	program := filepath.Join(os.Getenv("PROVISION_TEST_BIN"), "versitygw")
	if _, err := os.Stat(program); err != nil {
		t.Skip("PROVISION_TEST_BIN has no versitygw")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	l.Close()
	cmd := exec.Command(program, "--port", address, "posix", "--versioning-dir", t.TempDir(), t.TempDir())
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY=access", "ROOT_SECRET_KEY=hunter2", "VGW_REGION=east")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, 30*time.Second, 50*time.Millisecond)
	return address
}

func admin(t *testing.T, address string) *minio.Client {
	client, err := minio.New(address, &minio.Options{Creds: credentials.NewStaticV4("access", "hunter2", ""), Region: "east", BucketLookup: minio.BucketLookupPath})
	require.NoError(t, err)
	return client
}

func TestConformanceWithARealServer(t *testing.T) {
	address := gateway(t)
	client := admin(t, address)
	n := 0
	targettest.Run(t, func(t *testing.T) target.Target {
		n++
		given := spec("http://" + address)
		given.Bucket = fmt.Sprint("etcd-", n)
		require.NoError(t, client.MakeBucket(t.Context(), given.Bucket, minio.MakeBucketOptions{Region: "east"}))
		b, err := s3.Open("s3", given)
		require.NoError(t, err)
		return b
	}, 40<<20)
}

// A bucket with object lock and a default retention takes uploads with a digest
// only, and what is deleted there is hidden, or refused as locked.
func TestALockedBucket(t *testing.T) {
	address := gateway(t)
	client := admin(t, address)
	given := spec("http://" + address)
	require.NoError(t, client.MakeBucket(t.Context(), given.Bucket, minio.MakeBucketOptions{Region: "east", ObjectLocking: true}))
	mode, days, unit := minio.Governance, uint(1), minio.Days
	require.NoError(t, client.SetObjectLockConfig(t.Context(), given.Bucket, &mode, &days, &unit))
	b, err := s3.Open("s3", given)
	require.NoError(t, err)
	big := bytes.Repeat([]byte("x"), 20<<20)
	require.NoError(t, b.Put(t.Context(), "u/one", bytes.NewReader(big), int64(len(big))))
	require.NoError(t, b.Put(t.Context(), "u/two", bytes.NewReader(big[:10]), 10))
	if err := b.Delete(t.Context(), "u/two"); err != nil {
		assert.ErrorIs(t, err, target.ErrLocked)
	}
	versions := 0
	for v := range client.ListObjects(t.Context(), given.Bucket, minio.ListObjectsOptions{Prefix: "dc1/u/two", WithVersions: true, Recursive: true}) {
		require.NoError(t, v.Err)
		if !v.IsDeleteMarker {
			versions++
		}
	}
	assert.Equal(t, 1, versions, "what is locked is still there")
}
