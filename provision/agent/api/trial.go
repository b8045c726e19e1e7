package api

import "time"

// Acts of a trial.
const (
	// TrialWatch waits until the first of the units works: it runs, its URL
	// answers, and it has been the same invocation for as long as Steady.
	TrialWatch = "watch"
	// TrialPass forgets what was kept for the units: they work.
	TrialPass = "pass"
	// TrialRevert puts back what was kept for the units, restarts those that read it
	// and watches the first.
	TrialRevert = "revert"
)

// TrialParams is one act. All but watching take the lock's Epoch.
type TrialParams struct {
	Act   string   `json:"act"`
	Epoch uint64   `json:"epoch"`
	Units []string `json:"units"`
	// Order is how units that are restarted follow one another.
	Order []string `json:"order,omitempty"`
	// URL answers 200 when the first unit works; empty when it has none.
	URL    string        `json:"url,omitempty"`
	Steady time.Duration `json:"steady"`
	Within time.Duration `json:"within"`
}

// TrialResult answers TrialRevert.
type TrialResult struct {
	// Log is the end of what the first unit said when it was started last, before
	// anything was put back; what matters first.
	Log []string `json:"log,omitempty"`
	// Reverted are the ids of resources that are as they were; none when nothing
	// was kept.
	Reverted []string `json:"reverted,omitempty"`
	// Still is why the unit does not work with them either.
	Still string `json:"still,omitempty"`
}
