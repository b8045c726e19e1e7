package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"time"

	"golang.org/x/sys/unix"

	"provision/provision/agent/api"
)

// blockSize is that of etcd's usual write to its log.
const blockSize = 2300

// maxLatency bounds a measurement, whatever is asked.
const maxLatency = 5 * time.Second

// scratchName is only used where the file system knows no unnamed files. It is
// gone again before the first write.
const scratchName = ".provision-latency"

// Latency measures writes as etcd does them. The scratch file has no name: it
// goes with the process, however that ends.
func (m *Meter) Latency(ctx context.Context, params api.LatencyParams) (api.LatencyResult, error) {
	folder := m.Sys.Files.Path(existing(m.Sys.Files, params.Path))
	file, err := scratch(folder)
	if err != nil {
		return api.LatencyResult{}, &api.Error{Code: api.CodeFailed, Message: fmt.Sprintf("measuring writes in %s: %v", folder, err)}
	}
	defer file.Close()
	took, err := syncedWrites(ctx, file, min(max(params.Writes, 1), 10_000), min(params.Within, maxLatency))
	if err != nil {
		return api.LatencyResult{}, &api.Error{Code: api.CodeFailed, Message: fmt.Sprintf("measuring writes in %s: %v", folder, err)}
	}
	return summary(took), nil
}

func scratch(folder string) (*os.File, error) {
	fd, err := unix.Open(folder, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err == nil {
		return os.NewFile(uintptr(fd), filepath.Join(folder, scratchName)), nil
	}
	if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.ENOENT) {
		return nil, err
	}
	name := filepath.Join(folder, scratchName)
	_ = os.Remove(name) // of a run that was killed in between
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	return file, os.Remove(name)
}

// syncedWrites stops at whichever bound comes first, but makes one write.
func syncedWrites(ctx context.Context, file *os.File, writes int, within time.Duration) ([]time.Duration, error) {
	block := make([]byte, blockSize)
	var took []time.Duration
	for began := time.Now(); len(took) == 0 || len(took) < writes && time.Since(began) < within; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		before := time.Now()
		if _, err := file.Write(block); err != nil {
			return nil, err
		}
		if err := unix.Fdatasync(int(file.Fd())); err != nil {
			return nil, err
		}
		took = append(took, time.Since(before))
	}
	return took, nil
}

func summary(took []time.Duration) api.LatencyResult {
	sort.Slice(took, func(i, j int) bool { return took[i] < took[j] }) // slices.Sort is one more copy in a small binary
	n := len(took)
	return api.LatencyResult{Writes: n, Median: took[n/2], P99: took[n*99/100], Max: took[n-1]}
}
