package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	clientv3 "go.etcd.io/etcd/client/v3"

	"provision/provision/etcd/backup"
	"provision/provision/etcd/backup/seal"
)

// Save writes the chosen member's snapshot to a file: first to path.part, 0600,
// then synced and renamed.
func (c Choice) Save(ctx context.Context, path string) (backup.Content, error) {
	client, err := c.dial(c.endpoint)
	if err != nil {
		return backup.Content{}, err
	}
	defer client.Close()
	return save(ctx, client, path)
}

// SaveOwn saves the snapshot of one member as it is, quorum or not.
func SaveOwn(ctx context.Context, dial Dial, endpoint, path string) (backup.Content, error) {
	client, err := dial(endpoint)
	if err != nil {
		return backup.Content{}, err
	}
	defer client.Close()
	return save(ctx, client, path)
}

func save(ctx context.Context, client *clientv3.Client, path string) (backup.Content, error) {
	part := path + ".part"
	content, err := fill(ctx, client, part)
	if err != nil {
		_ = os.Remove(part)
		return content, fmt.Errorf("saving a snapshot: %w", err)
	}
	if err := os.Rename(part, path); err != nil {
		_ = os.Remove(part)
		return content, fmt.Errorf("saving a snapshot: %w", err)
	}
	return content, nil
}

func fill(ctx context.Context, client *clientv3.Client, part string) (backup.Content, error) {
	if err := os.Remove(part); err != nil && !errors.Is(err, os.ErrNotExist) {
		return backup.Content{}, err
	}
	answer, err := client.SnapshotWithVersion(ctx)
	if err != nil {
		return backup.Content{}, err
	}
	defer answer.Snapshot.Close()
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return backup.Content{}, err
	}
	meter := seal.NewMeter(file)
	_, err = io.Copy(meter, answer.Snapshot)
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return backup.Content{}, err
	}
	return meter.Content(), nil
}
