package etcdbackup

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"provision/provision/etcd/backup"
)

func TestBackupsThatAreTooOldOrFailAreNamed(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) backup.TargetResult { return backup.TargetResult{Newest: now.Add(-d)} }
	failed := ago(20 * time.Hour)
	failed.Error = "access denied"
	for name, c := range map[string]struct {
		result backup.Result
		want   []string
	}{
		"fresh":           {backup.Result{Targets: map[string]backup.TargetResult{"s3": ago(time.Hour)}}, nil},
		"at the limit":    {backup.Result{Targets: map[string]backup.TargetResult{"s3": ago(13 * time.Hour)}}, nil},
		"old":             {backup.Result{Targets: map[string]backup.TargetResult{"s3": ago(14 * time.Hour)}}, []string{"the newest verified backup of etcd is 14h0m0s old, and max_age is 13h0m0s"}},
		"one target down": {backup.Result{Targets: map[string]backup.TargetResult{"s3": failed, "box": ago(time.Hour)}}, []string{"backup target s3: access denied"}},
		"none":            {backup.Result{Problems: []string{"no quorum"}}, []string{"no verified backup of etcd is at any target", "backup of etcd: no quorum"}},
	} {
		assert.Equal(t, c.want, late(c.result, 13*time.Hour, now), name)
	}
}
