package api

import (
	"context"

	"provision/provision/facts"
	"provision/provision/internal/system"
)

// Method is a request that one end of a session answers: what both ends know of
// it are its name, its parameters P and its result R.
type Method[P, R any] struct{ Name string }

// Caller asks one agent. The result is a pointer.
type Caller interface {
	Call(ctx context.Context, method string, params, result any) error
}

// Call asks an agent.
func (m Method[P, R]) Call(ctx context.Context, agent Caller, params P) (R, error) {
	var result R
	err := agent.Call(ctx, m.Name, params, &result)
	return result, err
}

// Do asks an agent for what has no result, or none that matters.
func (m Method[P, R]) Do(ctx context.Context, agent Caller, params P) error {
	_, err := m.Call(ctx, agent, params)
	return err
}

// The methods that an agent answers. A new one is a line here, its types, a
// function of the agent and a line in the agent's list (session.go).
var (
	Facts    = Method[FactsParams, facts.Host]{"facts"}
	Plan     = Method[PlanParams, PlanResult]{"plan"}
	Lock     = Method[LockParams, LockResult]{"lock"}
	Await    = Method[AwaitParams, Empty]{"await"} // until there is reason to ask for the lock again
	Apply    = Method[ApplyParams, ApplyResult]{"apply"}
	Remove   = Method[RemoveParams, ApplyResult]{"remove"}
	Identity = Method[IdentityParams, IdentityResult]{"identity"}
	Sign     = Method[system.SignRequest, SignResult]{"sign"}
	Roster   = Method[facts.Roster, Empty]{"roster"}
	Commit   = Method[Empty, Empty]{"commit"}                     // compacts the ledger, drops unused blobs
	Probe    = Method[ProbeParams, ProbeResult]{"probe"}          // waits until a URL of the host answers 200
	Trial    = Method[TrialParams, TrialResult]{"trial"}          // one act of the trial of units with new settings
	Snapshot = Method[SnapshotParams, SnapshotResult]{"snapshot"} // keeps etcd's data as they are
	Stop     = Method[StopParams, Empty]{"stop"}                  // ends units
	Reboot   = Method[RebootParams, RebootResult]{"reboot"}       // unless the host runs another boot than the one named
	Backup   = Method[BackupParams, Empty]{"backup"}              // of etcd, by the host's own program; etcd has the lock
	History  = Method[HistoryParams, HistoryResult]{"history"}    // reads and writes the records of runs

	// These only look at the host, and need no lock.
	Journal = Method[JournalParams, JournalResult]{"journal"} // last log lines of a unit
	Health  = Method[HealthParams, HealthResult]{"health"}
	Collect = Method[CollectParams, CollectResult]{"collect"}
	Clock   = Method[Empty, ClockResult]{"clock"}
	Inspect = Method[InspectParams, InspectResult]{"inspect"}
	Latency = Method[LatencyParams, LatencyResult]{"latency"}
	Listen  = Method[ListenParams, ListenResult]{"listen"}
	Reach   = Method[ReachParams, ReachResult]{"reach"}
)

// AskSign is answered by the operator.
var AskSign = Method[system.SignRequest, SignResult]{"ask.sign"}
