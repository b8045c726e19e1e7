package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"

	"provision/provision/agent/api"
)

const (
	snapshotFile = "snapshot.json"
	logFile      = "wal.ndjson"
	lockFile     = "lock"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Read returns what the ledger in dir says, without a lock and without writing.
// A missing ledger is an empty one.
func Read(dir string) (State, error) {
	state, _, err := load(dir)
	return state, err
}

// load also returns the length of the log's good part. The log is read before
// the snapshot: a writer that compacts in between only makes records seen twice.
func load(dir string) (State, int, error) {
	log, err := readFile(filepath.Join(dir, logFile))
	if err != nil {
		return State{}, 0, fmt.Errorf("reading ledger: %w", err)
	}
	raw, err := readFile(filepath.Join(dir, snapshotFile))
	if err != nil {
		return State{}, 0, fmt.Errorf("reading ledger: %w", err)
	}
	state, err := decodeSnapshot(raw)
	if err != nil {
		return State{}, 0, remedy(dir, err)
	}
	good, err := state.replay(log)
	return state, good, remedy(dir, err)
}

// errDamaged marks what only a new ledger can end.
var errDamaged = errors.New("damaged")

// remedy says what to do about a damaged ledger. Snapshot and log go together:
// a log without its snapshot is damaged as well.
func remedy(dir string, err error) error {
	if !errors.Is(err, errDamaged) {
		return err
	}
	return fmt.Errorf("%w; move %s away and apply again: a new ledger begins, but what stood on the host before the first change is then no longer known"+
		" (on a cluster's only master or etcd host restore it from a backup instead: it tells which cluster this is)", err, dir)
}

func readFile(path string) ([]byte, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return raw, err
}

// snapshot is the file: the state, and the checksum of its bytes.
type snapshot struct {
	Format int             `json:"format"`
	Sum    string          `json:"sum"`
	State  json.RawMessage `json:"state"`
}

func encodeSnapshot(state State) ([]byte, error) {
	raw, err := json.Marshal(state)
	if err != nil {
		return nil, fmt.Errorf("encoding ledger: %w", err)
	}
	return json.Marshal(snapshot{Format: Format, Sum: checksum(raw), State: raw})
}

// decodeSnapshot takes a state only whole: what stood on the host before, and
// which cluster it belongs to, must not change by a flipped bit.
func decodeSnapshot(raw []byte) (State, error) {
	state := State{Format: Format}
	if raw == nil {
		return state, nil
	}
	var version struct{ Format int }
	if err := json.Unmarshal(raw, &version); err != nil {
		return State{}, fmt.Errorf("reading ledger: the snapshot is %w: %w", errDamaged, err)
	}
	if err := checkFormat(version.Format); err != nil {
		return State{}, err
	}
	content := raw
	if version.Format > plainFormat {
		var s snapshot
		if err := strictly(raw, &s); err != nil {
			return State{}, fmt.Errorf("reading ledger: the snapshot is %w: %w", errDamaged, err)
		}
		if content = s.State; checksum(content) != s.Sum {
			return State{}, fmt.Errorf("reading ledger: the snapshot is %w: its checksum is another", errDamaged)
		}
	}
	if err := strictly(content, &state); err != nil {
		return State{}, fmt.Errorf("reading ledger: the snapshot is %w: %w", errDamaged, err)
	}
	if version.Format < 1 {
		return State{}, fmt.Errorf("reading ledger: the snapshot is %w: it has no format", errDamaged)
	}
	state.Format = Format
	return state, nil
}

func strictly(raw []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

func checksum(raw []byte) string { return fmt.Sprintf("%08x", crc32.Checksum(raw, castagnoli)) }

func checkFormat(format int) error {
	if format <= Format {
		return nil
	}
	return &api.Error{Code: api.CodeNewer, Message: fmt.Sprintf(
		"cannot read the ledger: a newer provision wrote format %d, this one knows %d; use the newer one", format, Format)}
}

// replay applies the records behind the snapshot and returns how many bytes of
// the log are good. What follows a torn line was never announced as written.
func (s *State) replay(log []byte) (int, error) {
	good := 0
	for good < len(log) {
		end := bytes.IndexByte(log[good:], '\n')
		if end < 0 {
			break
		}
		r, ok := decodeRecord(log[good : good+end])
		if !ok && anyRecord(log[good+end+1:]) {
			return good, fmt.Errorf("reading ledger: the record behind %d is %w, and others follow it", s.Seq, errDamaged)
		}
		if !ok {
			break
		}
		if err := checkFormat(r.Format); err != nil {
			return good, err
		}
		if r.Seq > s.Seq {
			if r.Seq != s.Seq+1 {
				return good, fmt.Errorf("reading ledger: record %d follows %d, the log is %w", r.Seq, s.Seq, errDamaged)
			}
			s.apply(r)
		}
		good += end + 1
	}
	return good, nil
}

// anyRecord reports whether a good record is in what should be a torn tail.
func anyRecord(log []byte) bool {
	for line := range bytes.Lines(log) {
		if _, ok := decodeRecord(bytes.TrimSuffix(line, []byte("\n"))); ok {
			return true
		}
	}
	return false
}

// encodeRecord makes a line: checksum, space, JSON.
func encodeRecord(r record) ([]byte, error) {
	raw, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encoding ledger record: %w", err)
	}
	return fmt.Appendf(nil, "%s %s\n", checksum(raw), raw), nil
}

func decodeRecord(line []byte) (record, bool) {
	if len(line) < 10 || line[8] != ' ' {
		return record{}, false
	}
	if checksum(line[9:]) != string(line[:8]) {
		return record{}, false
	}
	var r record
	return r, json.Unmarshal(line[9:], &r) == nil
}
