package open

import (
	"fmt"
	"net/http"

	"provision/provision/etcd/backup/target"
	"provision/provision/etcd/backup/target/receiver"
	"provision/provision/etcd/backup/target/s3"
	"provision/provision/etcd/backup/target/sftp"
)

// Target opens a target. Folders are reached at the receivers of their hosts with
// a client; nil where there is none.
func Target(spec target.Spec, client func() (*http.Client, error)) (target.Target, error) {
	switch {
	case spec.Local != nil && client != nil:
		reached, err := client()
		if err != nil {
			return nil, err
		}
		return receiver.New(spec.Name, spec.Local.Host, "https://"+spec.Local.Address, reached), nil
	case spec.S3 != nil:
		return s3.Open(spec.Name, *spec.S3)
	case spec.SFTP != nil:
		return sftp.Open(spec.Name, *spec.SFTP)
	default:
		return nil, fmt.Errorf("target %s is a folder of another host, which cannot be reached from here", spec.Name)
	}
}
