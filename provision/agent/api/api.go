package api

import (
	"encoding/json"
	"fmt"
	"time"

	"provision/provision/facts"
	"provision/provision/resource"
	"provision/provision/secret"
)

// Hello is the start of the line that an agent prints first; a nonce chosen by
// the operator (argv) follows, then a newline.
const Hello = "PROVISION/1 "

// Empty is a result or parameter without content.
type Empty struct{}

// FactsParams asks for the facts, and which of some paths exist. Of one that is
// the log of an etcd member it is told whose data they are.
type FactsParams struct {
	Paths []string `json:"paths,omitempty"`
}

// PlanParams are all resources wanted on the host.
type PlanParams struct {
	Resources []resource.Resource `json:"resources"`
	// DigestKey keys the digests of secrets in changes and that of what was
	// observed (HMAC-SHA256); empty while the cluster has none, and no digest of
	// a secret is told.
	DigestKey secret.Wire `json:"digest_key,omitzero"`
}

// PlanResult says what differs.
type PlanResult struct {
	// Items are the resources with changes only, in the order asked.
	Items []PlanItem `json:"items"`
	// Removed are ledger entries that are no longer wanted, in the reverse
	// order of their first apply.
	Removed []facts.Resource `json:"removed,omitempty"`
	// Restarts are the open records by unit.
	Restarts map[string]facts.Restart `json:"restarts,omitempty"`
	// Running are the units, of those wanted or triggered, that are active.
	Running []string `json:"running,omitempty"`
	// Ill are those of Running that do not work: they are starting, or have ended by
	// themselves and were started again a moment ago.
	Ill []string `json:"ill,omitempty"`
	// Unproven are units that were to be restarted for new settings and were not
	// seen to work with them, with the address of a setting.
	Unproven map[string]string `json:"unproven,omitempty"`
	// Missing are wanted blobs that the host lacks, with what it has of them,
	// or that it has damaged (0).
	Missing map[string]int64 `json:"missing,omitempty"`
	// Digest covers all that was observed; it moves when the host does.
	Digest string `json:"digest"`
}

// PlanItem is one resource that differs, or that could not be observed.
type PlanItem struct {
	ID           string            `json:"id"`
	Changes      []resource.Change `json:"changes,omitempty"`
	Irreversible bool              `json:"irreversible,omitempty"`
	Error        *Error            `json:"error,omitempty"`
}

// LockParams asks for the host's lock. Epoch must exceed every earlier one.
type LockParams struct {
	Holder string `json:"holder"`          // user@machine pid, for people
	Doing  string `json:"doing,omitempty"` // what for, for people
	Epoch  uint64 `json:"epoch"`
	// Seen, when set, is the epoch of the facts on which the run rests: when
	// another run has come between, they are out of date.
	Seen *uint64 `json:"seen,omitempty"`
	// UUID, when set, is the cluster that is meant: a host of another one
	// refuses (CodeForeign).
	UUID string `json:"uuid,omitempty"`
	// Brief says that the lock is only needed for a moment: others wait for it.
	Brief bool `json:"brief,omitempty"`
}

// LockResult says who has it. Not granted and without holder: nobody has it,
// but Epoch was too low; ask again with more than the one returned.
type LockResult struct {
	Granted bool      `json:"granted"`
	Holder  string    `json:"holder"`
	Doing   string    `json:"doing,omitempty"`
	Since   time.Time `json:"since"`
	// Silent is how long ago the holder's operator was heard by this host.
	Silent time.Duration `json:"silent,omitempty"`
	// Free is how soon the lock is free if the holder's operator stays silent.
	Free time.Duration `json:"free,omitempty"`
	// Brief says that the holder only needs it for a moment.
	Brief bool   `json:"brief,omitempty"`
	Epoch uint64 `json:"epoch"` // highest seen
}

// Quiet is a silence between two heartbeats that says nothing: an operator that
// was not heard for longer may be dead.
const Quiet = 5 * time.Second

// AwaitParams asks to wait while somebody else has the lock who is silent, or
// brief: until there is reason to ask for it again. The session has no lock.
type AwaitParams struct {
	// Brief is that of the holder: it is waited for although it is heard.
	Brief  bool          `json:"brief,omitempty"`
	Within time.Duration `json:"within"`
}

// ApplyParams makes one resource so. Only the holder of the lock may.
type ApplyParams struct {
	Epoch    uint64            `json:"epoch"`
	Resource resource.Resource `json:"resource"`
	// Act on the unit that is the resource: only for kind unit, when the plan
	// says restart or reload. The agent acts only if its record is still open.
	Act bool `json:"act,omitempty"`
	// RestartFor has the unit restart if it runs, because of this, which is not on the
	// host: the record is opened first. Only with Act.
	RestartFor string `json:"anew,omitempty"`
	// Keep are units that the resource triggers: what the change replaces is kept
	// until they are seen to work with it, see TrialParams.
	Keep []string `json:"keep,omitempty"`
}

// ApplyResult is a finished change.
type ApplyResult struct {
	// Changed is set when the resource differed.
	Changed bool `json:"changed"`
	// Acted is what was done to the unit because of an open record: restart,
	// reload or nothing.
	Acted string `json:"acted,omitempty"`
}

// RemoveParams restores what stood before a ledger entry, and forgets it.
type RemoveParams struct {
	Epoch uint64 `json:"epoch"`
	ID    string `json:"id"`
}

// IdentityParams is one act of the birth or the copy of a cluster's identity.
type IdentityParams struct {
	// Act is "create", "put", "commit", "export", "discard", "leave", "renew"
	// (later certificates of the authorities whose keys are Items), or "digest-key":
	// a key that a master derives from the cluster's own, for PlanParams; or "rotate",
	// which makes the next generation of the identity pending: Items[0] in phase To.
	Act      string                 `json:"act"`
	Epoch    uint64                 `json:"epoch"`
	UUID     string                 `json:"uuid"`
	Cluster  string                 `json:"cluster"`
	CALife   time.Duration          `json:"ca_life,omitempty"`
	Items    []string               `json:"items,omitempty"`    // for create, export and renew
	Identity *facts.Identity        `json:"identity,omitempty"` // for put
	Material map[string]secret.Wire `json:"material,omitempty"` // for put: item name → PEM or YAML
	To       *facts.Turn            `json:"to,omitempty"`       // for rotate
	// Generation is what commit must find pending, if not 0.
	Generation int `json:"generation,omitempty"`
}

// IdentityResult answers create and export (Material), and digest-key. Material
// is secret: it stays in the operator's memory.
type IdentityResult struct {
	Identity  *facts.Identity        `json:"identity,omitempty"`
	Material  map[string]secret.Wire `json:"material,omitempty"`
	DigestKey secret.Wire            `json:"digest_key,omitzero"`
}

// SignResult is a certificate as PEM.
type SignResult struct {
	Certificate []byte `json:"certificate"`
}

// JournalParams asks for the last lines of a unit's log.
type JournalParams struct {
	Unit  string `json:"unit"`
	Lines int    `json:"lines"`
}

// JournalResult holds them.
type JournalResult struct {
	Lines []string `json:"lines"`
}

// ProbeParams name a URL of the host itself (http or https, on loopback or on
// one of its addresses) that must answer 200.
type ProbeParams struct {
	URL    string        `json:"url"`
	CA     string        `json:"ca,omitempty"` // file on the host that verifies the server
	Within time.Duration `json:"within"`       // 0: one attempt
	// Shows: that a certificate is shown is enough, though nobody can verify it.
	Shows bool `json:"shows,omitempty"`
}

// ProbeResult is how the last attempt ended. A deadline that passes is an error
// of code CodeFailed with that in its detail.
type ProbeResult struct {
	Took time.Duration `json:"took"`
}

// StreamHeader is the first line of every stream but the control stream.
type StreamHeader struct {
	Type    string `json:"type"`              // "dial" or StreamJournal
	Address string `json:"address,omitempty"` // host:port as seen from the host
	// Journal says which log, for StreamJournal.
	Journal *JournalHeader `json:"journal,omitempty"`
}

// StreamReply is the agent's line in answer; bytes follow when Error is nil.
type StreamReply struct {
	Error *Error `json:"error,omitempty"`
}

// BlobHello is the nonce of the hello line that "provision-agent blobs" prints.
const BlobHello = "blobs"

// BlobHeader starts each blob on the standard input of "provision-agent blobs":
// one JSON line, followed by Size-Offset bytes of content. With Zstd the content
// comes in frames instead, each preceded by its length (4 bytes, big endian),
// and a length of 0 ends them. The agent answers one JSON line BlobReply per
// blob, in the order sent.
type BlobHeader struct {
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	Offset int64  `json:"offset"`
	Zstd   bool   `json:"zstd,omitempty"`
}

// BlobReply says how a blob arrived.
type BlobReply struct {
	SHA256 string `json:"sha256"`
	// Have is how much of it the host has after an error: where to resume.
	Have  int64  `json:"have,omitempty"`
	Error *Error `json:"error,omitempty"`
}

// Code classifies errors, so that callers need not read texts.
type Code string

// The codes.
const (
	CodeInternal   Code = "internal"
	CodeBadRequest Code = "bad_request"
	CodeLocked     Code = "locked"      // another operator holds the lock
	CodeStale      Code = "stale_epoch" // a later operator took over
	CodeForeign    Code = "foreign"     // the host belongs to another cluster
	CodeNewer      Code = "newer_format"
	CodeMissing    Code = "missing_blob"
	CodeFailed     Code = "failed" // the change itself failed
	CodeCanceled   Code = "canceled"
)

// Error crosses the wire. Detail is the tail of a command's output or log.
type Error struct {
	Code    Code            `json:"code"`
	Message string          `json:"message"`
	Detail  string          `json:"detail,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// Error implements error.
func (e *Error) Error() string {
	if e.Detail == "" {
		return e.Message
	}
	return e.Message + "\n" + e.Detail
}

// BadRequest refuses what an operator asks.
func BadRequest(format string, args ...any) error {
	return &Error{Code: CodeBadRequest, Message: fmt.Sprintf(format, args...)}
}
