package api

import "time"

// SnapshotParams say how to reach the host's own etcd member. Programs, files
// and folders are the host's. Only the holder of the lock may.
type SnapshotParams struct {
	Epoch uint64 `json:"epoch"`
	// Name is that of the file in the host's folder of snapshots.
	Name string `json:"name"`
	// Data is the member's database: the snapshot will be about as large.
	Data     string        `json:"data"`
	Programs string        `json:"programs"` // folder of etcdctl and etcdutl
	Endpoint string        `json:"endpoint"`
	CA       string        `json:"ca"`
	Cert     string        `json:"cert"`
	Key      string        `json:"key"`
	Keep     int           `json:"keep"` // so many snapshots stay, this one included
	Within   time.Duration `json:"within"`
}

// SnapshotResult is a snapshot that was verified.
type SnapshotResult struct {
	Path     string `json:"path"`
	Size     int64  `json:"size"`
	Revision int64  `json:"revision"`
	Keys     int64  `json:"keys"`
}
