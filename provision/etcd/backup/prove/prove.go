package prove

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"provision/provision/etcd/backup"
)

// Programs are paths of etcd's programs.
type Programs struct{ Etcd, Etcdutl string }

// Figures are what a copy says of itself. Compacted is -1 for never.
type Figures struct {
	Revision  int64 // its latest
	Compacted int64
	backup.Checked
}

// starting is how long a large database may take to be opened.
const starting = 10 * time.Minute

// local is an address that nobody serves: a lone member needs none.
const local = "http://localhost:1"

// Prove restores a snapshot below dir, which is removed afterwards, and reads
// its figures at a revision; 0 for its latest.
func Prove(ctx context.Context, programs Programs, snapshot, dir string, revision int64) (_ Figures, err error) {
	if err := os.RemoveAll(dir); err != nil {
		return Figures{}, fmt.Errorf("clearing %s: %w", dir, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Figures{}, fmt.Errorf("making scratch: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	data := filepath.Join(dir, "data")
	if _, err := run(ctx, programs.Etcdutl, "snapshot", "restore", snapshot, "--data-dir", data,
		"--name", "proof", "--initial-cluster", "proof="+local, "--initial-advertise-peer-urls", local); err != nil {
		return Figures{}, fmt.Errorf("the snapshot cannot be restored: %w", err)
	}
	f, err := started(ctx, programs.Etcd, dir, data, revision)
	if err != nil {
		return Figures{}, err
	}
	out, err := run(ctx, programs.Etcdutl, "hashkv", filepath.Join(data, "member", "snap", "db"), "--rev", fmt.Sprint(f.Checked.Revision), "-w", "json")
	if err != nil {
		return Figures{}, fmt.Errorf("the copy cannot be hashed: %w", err)
	}
	var hashed struct {
		Hash            uint32 `json:"hash"`
		CompactRevision int64  `json:"compactRevision"`
	}
	if err := json.Unmarshal(out, &hashed); err != nil {
		return Figures{}, fmt.Errorf("etcdutl hashkv says %q: %w", out, err)
	}
	f.HashKV, f.Compacted = hashed.Hash, hashed.CompactRevision
	return f, nil
}

// started runs etcd on the copy, asks, and ends it.
func started(ctx context.Context, program, dir, data string, revision int64) (f Figures, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	socket := "unix://" + filepath.Join(dir, "c")
	var said tail
	cmd := exec.CommandContext(ctx, program, "--data-dir", data, "--name", "proof",
		"--listen-client-urls", socket, "--advertise-client-urls", local,
		"--listen-peer-urls", "unix://"+filepath.Join(dir, "p"), "--initial-advertise-peer-urls", local, "--initial-cluster", "proof="+local,
		// The copy is thrown away: no write of it may wait for the disk, or have
		// etcd's own writes wait.
		"--unsafe-no-fsync", "--quota-backend-bytes", fmt.Sprint(int64(64)<<30), "--log-level", "warn")
	cmd.Stdout, cmd.Stderr, cmd.Dir = &said, &said, dir
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		return f, fmt.Errorf("starting etcd on the copy: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	defer func() {
		cancel()
		<-ended
	}()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{socket}, Logger: zap.NewNop()})
	if err != nil {
		return f, fmt.Errorf("preparing a client: %w", err)
	}
	defer client.Close()
	asking, stop := context.WithTimeout(ctx, starting)
	defer stop()
	go func() {
		select {
		case <-ended:
			stop()
		case <-asking.Done():
		}
	}()
	if f, err = figures(asking, client, revision); err != nil {
		return f, fmt.Errorf("etcd does not serve the copy: %w; it said: %s", err, said.text())
	}
	return f, nil
}

func figures(ctx context.Context, client *clientv3.Client, revision int64) (f Figures, err error) {
	var answer *clientv3.GetResponse
	for {
		answer, err = client.Get(ctx, "\x00", clientv3.WithFromKey(), clientv3.WithCountOnly())
		if err == nil {
			break
		}
		select { // it is opening its database
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return f, err
		}
	}
	f.Revision = answer.Header.Revision
	if revision > 0 {
		if answer, err = client.Get(ctx, "\x00", clientv3.WithFromKey(), clientv3.WithCountOnly(), clientv3.WithRev(revision)); err != nil {
			return f, err
		}
		f.Checked.Revision = revision
	} else {
		f.Checked.Revision = f.Revision
	}
	f.Keys = answer.Count
	return f, nil
}

func run(ctx context.Context, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	var out bytes.Buffer
	var said tail
	cmd.Stdout, cmd.Stderr = &out, &said
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", filepath.Base(program), strings.Join(args[:min(2, len(args))], " "), err, said.text())
	}
	return out.Bytes(), nil
}

// tail keeps the end of what a program says.
type tail struct{ b []byte }

const kept = 2000

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if len(t.b) > kept {
		t.b = t.b[len(t.b)-kept:]
	}
	return len(p), nil
}

func (t *tail) text() string {
	lines := strings.Split(strings.TrimSpace(string(t.b)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], " | ")
}

var _ io.Writer = (*tail)(nil)
