package pull

import (
	"time"

	"provision/provision/bundle"
)

// Stage is where an artifact stands.
type Stage string

// The stages. Each artifact ends in Reused, Stored or Failed.
const (
	Reused      Stage = "reused"      // it was in the store
	Waiting     Stage = "waiting"     // another run is obtaining it
	Trying      Stage = "trying"      // asking a source
	Passed      Stage = "passed"      // the source cannot give it; the next one is asked
	Downloading Stage = "downloading" // Done of Total bytes
	Building    Stage = "building"    // Done of about Total packages
	Stored      Stage = "stored"      // obtained, checked and recorded
	Failed      Stage = "failed"
)

// Event tells how a pull gets on.
type Event struct {
	Ref    bundle.Ref `json:"ref"`
	Stage  Stage      `json:"stage"`
	Source string     `json:"source,omitempty"`
	// Index of Count artifacts, from 1.
	Index int `json:"index"`
	Count int `json:"count"`
	// Done of Total bytes or packages; Total is 0 when unknown.
	Done    int64         `json:"done,omitempty"`
	Total   int64         `json:"total,omitempty"`
	Elapsed time.Duration `json:"elapsed,omitempty"`
	Err     error         `json:"-"`
	Text    string        `json:"text,omitempty"`
}
