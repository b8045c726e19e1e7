package api

import "time"

// ClockResult is the host's time while it answers.
type ClockResult struct {
	Now time.Time `json:"now"`
}

// Port is a port to look at.
type Port struct {
	Number   int  `json:"number"`
	UDP      bool `json:"udp,omitempty"`
	Loopback bool `json:"loopback,omitempty"` // only on loopback
}

// InspectParams say what is of interest.
type InspectParams struct {
	Ports   []Port   `json:"ports,omitempty"`
	Paths   []string `json:"paths,omitempty"` // folders whose file systems matter; they need not exist yet
	Modules []string `json:"modules,omitempty"`
}

// InspectResult is what was found, unjudged.
type InspectResult struct {
	Spaces []Space `json:"spaces,omitempty"` // in the order of the paths asked
	Swaps  []Swap  `json:"swaps,omitempty"`
	// AvailableKiB is memory that programs could take.
	AvailableKiB int64 `json:"available_kib,omitempty"`
	// Controllers are those of control groups that the kernel offers.
	Controllers []string `json:"controllers,omitempty"`
	// Modules says absent, loadable, loaded or builtin for each that was asked.
	Modules  map[string]string `json:"modules,omitempty"`
	Taken    []Taken           `json:"taken,omitempty"`
	Firewall Firewall          `json:"firewall"`
}

// Space is the file system on which a folder lies, or will lie.
type Space struct {
	Path      string `json:"path"`
	Device    string `json:"device"` // the same for folders of one file system
	Type      string `json:"type"`   // ext4, xfs, overlay, tmpfs, nfs…; hex when unknown
	Total     int64  `json:"total"`
	Free      int64  `json:"free"`   // bytes that programs may still write
	Inodes    int64  `json:"inodes"` // 0 where they are not limited
	InodeFree int64  `json:"inode_free"`
	ReadOnly  bool   `json:"read_only,omitempty"`
	Error     string `json:"error,omitempty"`
}

// Swap is a swap area in use.
type Swap struct {
	Name    string `json:"name"`
	SizeKiB int64  `json:"size_kib"`
	UsedKiB int64  `json:"used_kib"`
}

// Taken is a port that somebody listens on. Without PID nobody does but the
// kernel, or a process that is not seen from here.
type Taken struct {
	Port    Port   `json:"port"`
	Address string `json:"address"`
	PID     int    `json:"pid,omitempty"`
	Command string `json:"command,omitempty"` // as /proc/PID/comm
	Unit    string `json:"unit,omitempty"`    // of systemd, from its control group
	// Agent is set when it is an agent of provision, of another run.
	Agent bool `json:"agent,omitempty"`
}

// Firewall is what filters packets on the host, as far as tools tell.
type Firewall struct {
	// Active are services that manage rules: ufw, firewalld.
	Active []string `json:"active,omitempty"`
	// Closed are chains that drop what no rule accepts: "inet filter input".
	Closed []string `json:"closed,omitempty"`
	// Drops are rules of input chains that drop or reject traffic to ports asked.
	Drops []string `json:"drops,omitempty"`
}

// LatencyParams ask how long synced writes take where a folder will lie.
type LatencyParams struct {
	Path   string        `json:"path"`
	Within time.Duration `json:"within"` // bounds the measurement; at most 5 s
	Writes int           `json:"writes"` // stops earlier, after so many
}

// LatencyResult are durations of writes of 2,300 bytes, each synced, as etcd does them.
type LatencyResult struct {
	Writes int           `json:"writes"`
	Median time.Duration `json:"median"`
	P99    time.Duration `json:"p99"`
	Max    time.Duration `json:"max"`
}

// ListenParams open ports until the session ends, the time is over, or another
// listen request replaces them. Who sends the nonce gets it back; nobody else
// gets anything.
type ListenParams struct {
	Nonce   string        `json:"nonce"` // 32 hex digits
	Address string        `json:"address"`
	Ports   []Port        `json:"ports,omitempty"` // none: closes those that are open
	Within  time.Duration `json:"within"`          // at most a minute
}

// ListenResult says which ports could not be opened.
type ListenResult struct {
	Failed []ListenFailure `json:"failed,omitempty"`
}

// ListenFailure is a port that could not be opened.
type ListenFailure struct {
	Port  Port   `json:"port"`
	Error string `json:"error"`
}

// ReachParams ask to connect to ports of other hosts.
type ReachParams struct {
	Nonce   string        `json:"nonce"`
	Targets []Target      `json:"targets"`
	Within  time.Duration `json:"within"` // bounds all; at most a minute
}

// Target is a port of another host.
type Target struct {
	Address string `json:"address"` // IP:PORT
	UDP     bool   `json:"udp,omitempty"`
	// Live is a service that is no listener of ours: a TCP connection is enough.
	Live bool `json:"live,omitempty"`
	// Size is the payload that must get through in one datagram that no router
	// may fragment; for UDP only.
	Size int `json:"size,omitempty"`
}

// Ways in which a target is not reached.
const (
	ReachTimeout  = "timeout"  // no answer
	ReachRefused  = "refused"  // the host, or something before it, said no
	ReachNoRoute  = "no_route" // no way there
	ReachOther    = "other"    // somebody else answers, or something else is wrong
	ReachTooLarge = "too_large"
	ReachUntested = "untested" // the time was over
)

// ReachResult lists the targets that were not reached.
type ReachResult struct {
	Failed []ReachFailure `json:"failed,omitempty"`
}

// ReachFailure is one that was not.
type ReachFailure struct {
	Target int    `json:"target"` // its index
	Code   string `json:"code"`
	Detail string `json:"detail,omitempty"`
	// Passed is the largest payload that got through when Size did not.
	Passed int `json:"passed,omitempty"`
}
