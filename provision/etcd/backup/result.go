package backup

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Keys in etcd, all of them few and small. Targets are the catalogue; etcd has
// the newest result only.
const (
	Keys      = "/provision/etcd-backup/"
	LockKey   = Keys + "lock"    // leased; value: the host at work
	ResultKey = Keys + "result"  // a Result
	EscrowKey = Keys + "escrow/" // + host: its []Escrow
)

// Result is how the newest slot went.
type Result struct {
	Format  int                     `json:"format"`
	Slot    time.Time               `json:"slot"` // UTC
	Updated time.Time               `json:"updated"`
	Host    string                  `json:"host"`
	Backup  string                  `json:"backup,omitempty"` // Name
	Took    float64                 `json:"took"`             // seconds, without targets
	Targets map[string]TargetResult `json:"targets"`
	// Problems are not those of one target: members that differ, keys without
	// escrow, why there is no backup.
	Problems []string `json:"problems,omitempty"`
}

// TargetResult is how one target is.
type TargetResult struct {
	Newest  time.Time `json:"newest,omitzero"` // slot of the newest verified backup there
	Size    int64     `json:"size,omitempty"`  // of its object
	Took    float64   `json:"took,omitempty"`  // seconds, with reading back
	Error   string    `json:"error,omitempty"` // why the slot's is not there, or another is damaged
	Deleted int       `json:"deleted,omitempty"`
	Locked  int       `json:"locked,omitempty"` // superfluous, and kept by the target for now
	Held    string    `json:"held,omitempty"`   // why nothing is deleted
}

// Missing are the targets without the slot's backup.
func (r Result) Missing(slot time.Time) []string {
	var names []string
	for name, t := range r.Targets {
		if !t.Newest.Equal(slot) {
			names = append(names, name)
		}
	}
	return names
}

// JSON is the result as etcd keeps it.
func (r Result) JSON() ([]byte, error) {
	r.Format = Format
	text, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("writing the result: %w", err)
	}
	return text, nil
}

// ParseResult reads what etcd keeps. One that is not readable counts as none.
func ParseResult(raw []byte) (Result, bool) {
	var r Result
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if err := decoder.Decode(&r); err != nil || r.Format != Format {
		return Result{}, false
	}
	return r, true
}
