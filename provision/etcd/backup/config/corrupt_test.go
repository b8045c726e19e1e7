package config_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/etcd/backup/config"
	"provision/provision/etcd/backup/target"
	"provision/provision/secret"
	"provision/test/corrupt"
)

func TestDamagedConfigurations(t *testing.T) {
	raw, err := config.Config{ClusterName: "c", Host: "m1", Targets: []target.Spec{{Name: "s3", S3: &target.S3{SecretKey: secret.OnWire(secret.New("hunter2"))}}}}.JSON()
	require.NoError(t, err)
	read, err := config.Parse(raw.Bytes())
	require.NoError(t, err)
	assert.Equal(t, "hunter2", read.Targets[0].S3.SecretKey.Reveal())
	corrupt.Feed(t, 1, func(in []byte) bool {
		c, err := config.Parse(in)
		if err == nil {
			assert.Equal(t, config.Format, c.Format)
		}
		return err == nil
	}, raw.Bytes())
}
