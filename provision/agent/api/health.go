package api

import (
	"net/netip"
	"time"
)

// StreamJournal is the type of a stream that carries a unit's log. The
// operator's end of it ends the stream.
const StreamJournal = "journal"

// HealthParams say what to look at.
type HealthParams struct {
	Units []string `json:"units,omitempty"`
	// Files are digested: programs, to tell their versions.
	Files []string `json:"files,omitempty"`
	Certs []string `json:"certs,omitempty"`
	// Disks are paths whose file systems are measured.
	Disks []string `json:"disks,omitempty"`
	// Lines is how much of the log of each unit that is not well comes along.
	Lines int `json:"lines,omitempty"`
	// Listeners asks who listens on which port.
	Listeners bool `json:"listeners,omitempty"`
	// Live are asked for any answer at all.
	Live []Live `json:"live,omitempty"`
}

// Live is where a program of the host answers while it lives: http, https, or
// unix for a gRPC server's socket. CA is the file that verifies it, if any.
type Live struct {
	URL string `json:"url"`
	CA  string `json:"ca,omitempty"`
}

// HealthResult answers in the order asked; listeners by port.
type HealthResult struct {
	Clock     time.Time  `json:"clock"`
	Units     []Unit     `json:"units,omitempty"`
	Files     []File     `json:"files,omitempty"`
	Certs     []Cert     `json:"certs,omitempty"`
	Disks     []Space    `json:"disks,omitempty"`
	Listeners []Listener `json:"listeners,omitempty"`
	// Swaps are active swap devices.
	Swaps []string `json:"swaps,omitempty"`
	// MemoryKiB is what is available to programs.
	MemoryKiB int64 `json:"memory_kib,omitempty"`
	// Lock is who holds the host's lock; nil when it is free.
	Lock *Holder `json:"lock,omitempty"`
	// Silent are the URLs where somebody takes connections and says nothing.
	Silent []string `json:"silent,omitempty"`
	// Routes are the host's IPv4 routes but for the default one; empty when they
	// cannot be told.
	Routes []Route `json:"routes,omitempty"`
}

// Route stands for routes of one length that follow on each other: those to
// First, the next one, and so on to that with Last in it.
type Route struct {
	Bits  int        `json:"bits"`
	First netip.Addr `json:"first"`
	Last  netip.Addr `json:"last"`
}

// Unit is a unit's state.
type Unit struct {
	Name    string `json:"name"`
	Load    string `json:"load,omitempty"`    // loaded, not-found, masked, bad-setting
	Active  string `json:"active,omitempty"`  // active, inactive, failed, activating
	Sub     string `json:"sub,omitempty"`     // running, dead, auto-restart
	Enabled string `json:"enabled,omitempty"` // enabled, disabled, static, masked
	// Restarts by systemd itself since it was last started on purpose.
	Restarts int    `json:"restarts,omitempty"`
	Result   string `json:"result,omitempty"` // success, exit-code, signal, oom-kill
	ExitCode int    `json:"exit_code,omitempty"`
	Killed   bool   `json:"killed,omitempty"` // then ExitCode is the signal
	// Since is when it became active.
	Since time.Time `json:"since,omitzero"`
	// DropIns change the unit and are not in the ledger.
	DropIns []string `json:"drop_ins,omitempty"`
	// Log is the end of its log, of units that are not well.
	Log   []string `json:"log,omitempty"`
	Error string   `json:"error,omitempty"` // it could not be looked at
}

// Well reports whether the unit runs and comes back after a reboot.
func (u Unit) Well() bool {
	return u.Error == "" && u.Running() && !u.Masked() && (u.Enabled == "enabled" || u.Enabled == "static" || u.Enabled == "generated" || u.Enabled == "alias" || u.Enabled == "indirect")
}

// Running reports whether its process runs (or, of a oneshot, is done).
func (u Unit) Running() bool {
	return u.Active == "active" || u.Active == "reloading" || u.Active == "refreshing"
}

// Masked reports whether the unit is forbidden to start.
func (u Unit) Masked() bool {
	return u.Load == "masked" || u.Enabled == "masked" || u.Enabled == "masked-runtime"
}

// File is a file's digest; "" when there is none.
type File struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256,omitempty"`
	Error  string `json:"error,omitempty"`
}

// Cert is a certificate on the host.
type Cert struct {
	Path     string    `json:"path"`
	Subject  string    `json:"subject,omitempty"`
	Issuer   string    `json:"issuer,omitempty"`
	NotAfter time.Time `json:"not_after,omitzero"`
	Error    string    `json:"error,omitempty"`
}

// Listener is a process that takes connections.
type Listener struct {
	Port    int    `json:"port"`
	Address string `json:"address"`
	PID     int    `json:"pid,omitempty"`
	Command string `json:"command,omitempty"`
	Unit    string `json:"unit,omitempty"`
}

// Holder is who holds a host's lock.
type Holder struct {
	Holder string    `json:"holder"`
	Since  time.Time `json:"since"`
}

// CollectParams ask for what a helper would want to see of a host. Files are
// configuration that the ledger owns; others are refused.
type CollectParams struct {
	Files []string `json:"files,omitempty"`
}

// CollectResult is a list of texts.
type CollectResult struct {
	Items []Item `json:"items"`
}

// Item is a text of a host: a command's output, or a file.
type Item struct {
	Name  string `json:"name"`
	Text  string `json:"text,omitempty"`
	Error string `json:"error,omitempty"`
}

// JournalHeader is the part of a StreamHeader that says which log is wanted.
type JournalHeader struct {
	Unit   string        `json:"unit"`
	Lines  int           `json:"lines,omitempty"`
	Ago    time.Duration `json:"ago,omitempty"` // only lines younger than this
	Follow bool          `json:"follow,omitempty"`
}
