package api

// RebootParams name the boot that is to end. A host that runs another one has
// rebooted already: it waits until that boot is over, and says how it went. Only
// the holder of the lock may.
type RebootParams struct {
	Epoch  uint64 `json:"epoch"`
	BootID string `json:"boot_id"` // as in the facts
}

// RebootResult is the boot that runs. State is "" when it is about to end, else
// what systemd says of it: running, degraded (a unit failed), starting…
type RebootResult struct {
	BootID string `json:"boot_id"`
	State  string `json:"state,omitempty"`
}
