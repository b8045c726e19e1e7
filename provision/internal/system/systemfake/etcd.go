package systemfake

import (
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
)

// etcdctl takes snapshots of an empty database, with the digest that etcd puts
// behind one.
func etcdctl(argv []string) (string, error) {
	if len(argv) < 4 || !slices.Equal(argv[1:3], []string{"snapshot", "save"}) {
		return "", fmt.Errorf("unknown command %q", argv)
	}
	database := make([]byte, 4096)
	sum := sha256.Sum256(database)
	return "Snapshot saved", os.WriteFile(argv[3], append(database, sum[:]...), 0o600)
}

// Etcdutl tells of every snapshot that there is.
func Etcdutl(argv []string) (string, error) {
	if len(argv) < 4 || !slices.Equal(argv[1:3], []string{"snapshot", "status"}) {
		return "", fmt.Errorf("unknown command %q", argv)
	}
	if _, err := os.Stat(argv[3]); err != nil {
		return "", err
	}
	return `{"hash":1,"revision":7,"totalKey":3,"totalSize":4096}`, nil
}
