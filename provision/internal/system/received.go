package system

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// RecordReceived tells later users of the blob folder dir that file, which
// bears its final name, was hashed while it was written. The line names the
// file as the digest cache does, so that one which changed since does not fit
// it; it needs no sync, for without it the blob is only hashed once more.
func RecordReceived(dir string, file *os.File, digest string) error {
	key, err := keyOf(file)
	if err != nil {
		return err
	}
	list, err := os.OpenFile(dir+strings.TrimPrefix(ReceivedBlobs, BlobDir), // several receivers append at once
		os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("recording blob: %w", err)
	}
	_, err = list.WriteString(key.String() + " " + digest + "\n")
	if closed := list.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("recording blob: %w", err)
	}
	return nil
}

// receive takes over what receivers recorded since it was last called.
func (c *digestCache) receive(files *realFiles) {
	info, err := files.Lstat(ReceivedBlobs)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if err != nil || info.Size == c.received {
		return
	}
	content, err := files.ReadFile(ReceivedBlobs)
	if err != nil {
		return
	}
	c.received = int64(len(content))
	if c.old == nil {
		c.old = map[string]string{}
	}
	for key, digest := range parseReceived(content) {
		c.old[key] = digest
	}
}

// parseReceived passes over lines that a full disk or a crash cut short.
func parseReceived(content []byte) map[string]string {
	found := map[string]string{}
	for line := range bytes.Lines(content) {
		key, digest, ok := strings.Cut(string(line), " ")
		digest, whole := strings.CutSuffix(digest, "\n")
		if ok && whole && isDigest(digest) {
			found[key] = digest
		}
	}
	return found
}
