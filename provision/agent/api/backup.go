package api

// BackupUnit is the unit of a backup of etcd that somebody asked for: it goes on
// when the session ends, and its log tells how it goes.
const BackupUnit = "provision-etcd-now.service"

// BackupParams ask for a backup of etcd, with the program that the host's
// component put there.
type BackupParams struct {
	Local bool `json:"local,omitempty"` // of this host's member as it is
}
