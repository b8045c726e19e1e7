package fleettest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	etcdcomponent "provision/provision/component/etcd"
	"provision/provision/internal/etcdlog"
	"provision/provision/internal/system/systemfake"
)

// etcdutl makes data of the cluster that its flags name.
func (h *Host) etcdutl(argv []string) (string, error) {
	value := func(name string) string {
		if i := slices.Index(argv, name); i >= 0 && i+1 < len(argv) {
			return argv[i+1]
		}
		return ""
	}
	if len(argv) < 4 || argv[2] != "restore" {
		return systemfake.Etcdutl(argv)
	}
	members := map[string]string{}
	for one := range strings.SplitSeq(value("--initial-cluster"), ",") {
		name, url, _ := strings.Cut(one, "=")
		members[name] = url
	}
	var cluster uint64
	if _, err := fmt.Sscanf(etcdcomponent.ClusterID(members, value("--initial-cluster-token")), "%x", &cluster); err != nil {
		return "", err
	}
	snapshot, err := os.ReadFile(argv[3])
	log := filepath.Join(value("--data-dir"), "member/wal")
	return "", errors.Join(err, os.MkdirAll(log, 0o700), os.WriteFile(filepath.Join(value("--data-dir"), "member/db"), snapshot, 0o600),
		os.WriteFile(filepath.Join(log, "0000000000000000-0000000000000000.wal"), etcdlog.Segment(0x77, cluster), 0o600))
}
