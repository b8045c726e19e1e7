package agent

import (
	"context"
	"fmt"

	"provision/provision/agent/api"
	"provision/provision/internal/system"
)

// backupProgram is put there by component etcdbackup.
const backupProgram = "/usr/local/bin/provision-etcd"

// backup has the host's own program take a backup of etcd, as gently as the timer
// does, and waits for its end. The unit outlives the session.
func (s *session) backup(ctx context.Context, params api.BackupParams) (api.Empty, error) {
	if s.sys.Runner.LookPath(backupProgram) == "" {
		return api.Empty{}, api.BadRequest("there is no %s: write etcd { backup { } } into the inventory and run provision apply", backupProgram)
	}
	how := "--now"
	if params.Local {
		how = "--local"
	}
	_, err := s.sys.Runner.Run(ctx, system.Command{Argv: []string{"systemd-run", "--quiet", "--collect", "--wait", "--unit=" + api.BackupUnit,
		"--property=Nice=19", "--property=IOSchedulingClass=idle", "--property=UMask=0077", backupProgram, "backup", how}})
	if err != nil {
		return api.Empty{}, fmt.Errorf("the backup failed: %w", err)
	}
	return api.Empty{}, nil
}
