package system

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// unhashed puts a blob whose content does not have its digest and records it
// as received: whoever takes it for good has not hashed it.
func unhashed(t *testing.T, root string) string {
	t.Helper()
	digest := strings.Repeat("ab", 32)
	require.NoError(t, os.MkdirAll(root+BlobDir, 0o700))
	require.NoError(t, os.WriteFile(root+BlobDir+"/"+digest, []byte("other"), 0o600))
	file, err := os.Open(root + BlobDir + "/" + digest)
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	require.NoError(t, RecordReceived(root+BlobDir, file, digest))
	return digest
}

func TestAReceivedBlobIsNotHashedAgain(t *testing.T) {
	sys, root := rooted(t)
	digest := unhashed(t, root)
	path, err := sys.Blobs.Path(digest)
	require.NoError(t, err)
	require.NoError(t, sys.Files.Link(path, "/usr.bin", Attr{Mode: 0o755}))
	linked, err := sys.Files.Digest("/usr.bin")
	require.NoError(t, err)
	assert.Equal(t, digest, linked, "a link is the same file")
	require.NoError(t, sys.Save())
	assert.NoFileExists(t, root+ReceivedBlobs, "the cache has it now")

	later, err := Real(root, Options{})
	require.NoError(t, err)
	linked, err = later.Files.Digest("/usr.bin")
	require.NoError(t, err)
	assert.Equal(t, digest, linked, "nor in a later run")
	_, err = later.Blobs.Path(digest)
	assert.NoError(t, err)
}

func TestWhatWasReceivedForNothingIsForgotten(t *testing.T) {
	sys, root := rooted(t)
	require.NoError(t, sys.Save())
	unhashed(t, root) // by a run that was killed: nobody asked for the blob
	later, err := Real(root, Options{})
	require.NoError(t, err)
	require.NoError(t, later.Save())
	assert.NoFileExists(t, root+ReceivedBlobs)
}

func TestABlobThatChangedSinceItCameIsHashed(t *testing.T) {
	sys, root := rooted(t)
	digest := unhashed(t, root)
	past := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(root+BlobDir+"/"+digest, past, past))
	_, err := sys.Blobs.Path(digest)
	assert.ErrorContains(t, err, "is damaged")
}

func TestBlobsAreTakenOverWhileTheyCome(t *testing.T) {
	sys, root := rooted(t)
	first := unhashed(t, root)
	_, err := sys.Blobs.Path(first)
	require.NoError(t, err)
	second := strings.Repeat("cd", 32)
	require.NoError(t, os.WriteFile(root+BlobDir+"/"+second, []byte("other"), 0o600))
	file, err := os.Open(root + BlobDir + "/" + second)
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	require.NoError(t, RecordReceived(root+BlobDir, file, second))
	_, err = sys.Blobs.Path(second)
	assert.NoError(t, err)
}

func TestTornRecordsArePassedOver(t *testing.T) {
	digest := strings.Repeat("ab", 32)
	assert.Equal(t, map[string]string{"1:2:3:4:5": digest},
		parseReceived([]byte("junk\n1:2:3:4:5 "+digest+"\n1:2 "+digest[:60]+"\n9:9:9:9:9 "+digest)))
}
