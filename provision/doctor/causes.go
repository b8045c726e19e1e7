package doctor

import (
	"regexp"
	"strconv"
	"strings"
)

// cause is what lines of a log say.
type cause struct {
	text string
	// local: the cause is on this host, not at another service's.
	local bool
	port  int    // that is taken
	peer  string // address that did not answer
	first string // what a person has to do before
	line  string // that tells
}

// sign is a way in which services say what is wrong with them.
type sign struct {
	any   []string // one of these is in the line, whatever the case
	all   []string // and all of these
	text  string
	far   bool // a consequence of something else, probably
	first string
}

// signs, the most telling first.
func signs() []sign {
	return []sign{
		{any: []string{"address already in use"}, text: "the port is taken by another process"},
		{any: []string{"no space left on device", "disk quota exceeded"}, text: "the disk is full", first: "make room on the disk"},
		{any: []string{"database space exceeded", "alarm:nospace"}, text: "etcd's database has reached its quota (alarm NOSPACE)",
			first: "raise etcd's quota_bytes if objects fill it, then: provision etcd defrag, which ends the alarm, too"},
		{any: []string{"crc mismatch", "file corrupt", "data corruption", "alarm:corrupt", "database file is not valid", "invalid database", "walpb:", "checksum error", "failed to recover"},
			text: "etcd's data are damaged", first: "move the data folder away; the member then joins again from the others"},
		{any: []string{"member has been permanently removed", "removed from the cluster"}, text: "this member was removed from the etcd cluster; another one can join in its place"},
		{any: []string{"cluster id mismatch", "member count is unequal", "couldn't find local name"}, text: "this etcd was started for another cluster, or with another list of members"},
		{any: []string{"exec format error"}, text: "the program is damaged or for another architecture"},
		{any: []string{"status=203/exec", "unable to locate executable", "failed to locate executable"}, text: "the program is missing or cannot be run"},
		{any: []string{"running with swap on is not supported", "swap is enabled"}, text: "swap is on"},
		{all: []string{"cgroup driver", "different"}, text: "kubelet and containerd use different cgroup drivers"},
		{any: []string{"cgroup v1", "failcgroupv1", "cgroups v1"}, all: []string{"fail"}, text: "kubelet refuses cgroup version 1 on this host"},
		{any: []string{"unknown flag", "unknown shorthand flag", "flag provided but not defined", "unrecognized feature gate", "invalid argument \""}, text: "it was given a flag that it does not know"},
		{any: []string{"failed to load kubelet config", "failed to load config", "strict decoding error", "error unmarshaling", "cannot unmarshal", "error converting yaml", " yaml: ", "\"yaml: ", "toml: ", "failed to parse",
			"could not parse", "unknown keyword", "fatal errors found in configuration", "error(s) found in configuration", "invalid directive", "invalid configuration", "mandatory property", "couldn't get version/kind", "failed to decode", "parsing ["},
			text: "its configuration cannot be read"},
		{any: []string{"certificate has expired or is not yet valid", "certificate expired"}, text: "a certificate has expired, or a clock is wrong"},
		{any: []string{"private key does not match public key"}, text: "a certificate and its key do not belong together"},
		{any: []string{"failed to find any pem data", "failed to find certificate pem", "no valid certificate", "unable to load client ca", "malformed certificate"}, text: "a certificate file is damaged"},
		{any: []string{"certificate signed by unknown authority", "unknown certificate authority"}, text: "a certificate is of another authority than this cluster's"},
		{any: []string{"x509: ", "bad certificate", "tls: failed to verify"}, text: "a certificate is not accepted"},
		{any: []string{"no such file or directory"}, text: "a file that it needs is missing"},
		{any: []string{"permission denied", "operation not permitted", "status=200/chdir", "status=226/namespace"}, text: "it may not read or write what it needs"},
		{any: []string{"read-only file system"}, text: "a file system is read-only", first: "look for disk errors: dmesg"},
		{any: []string{"out of memory", "oom-kill", "cannot allocate memory"}, text: "it ran out of memory"},
		{any: []string{"too many open files"}, text: "it ran out of file descriptors"},
		{any: []string{"no such device", "module not found", "protocol not supported"}, text: "the kernel lacks what it needs"},
		{any: []string{"clock difference", "clock drift", "clock skew"}, text: "the clocks of hosts differ"},
		{any: []string{"has failed to become leader", "no leader", "lost leader", "etcdserver: request timed out", "leader changed"}, text: "etcd has no leader: too few of its members answer", far: true},
		{any: []string{"connection refused", "connection reset by peer"}, text: "a service that it needs does not answer", far: true},
		{any: []string{"no route to host", "network is unreachable", "i/o timeout", "deadline exceeded", "tls handshake timeout"}, text: "a host that it needs cannot be reached", far: true},
		{any: []string{"unauthorized", "forbidden"}, text: "the API does not let it in", far: true},
		{any: []string{"no such host", "server misbehaving"}, text: "a name cannot be resolved", far: true},
	}
}

var (
	portOf = regexp.MustCompile(`(?:\d{1,3}(?:\.\d{1,3}){3}|\]|localhost|\*|tcp6? ):(\d{2,5})\b`)
	peerOf = regexp.MustCompile(`(?:dial tcp|dialing|connect(?:ing)? to) ("?[\[\]0-9a-fA-F.:]+:\d+)`)
)

// read finds the cause in a log: the most telling line of the last two
// attempts to run, the latest of these.
func read(log []string) (cause, bool) {
	lines := attempts(log)
	table := signs()
	best, found, rank := cause{}, false, len(table)
	for i := len(lines) - 1; i >= 0; i-- {
		if at := match(table, lines[i]); at >= 0 && (at < rank && !table[at].far || !found) {
			best, found, rank = explain(table[at], lines[i]), true, at
		}
	}
	return best, found
}

// match is the first sign in a line, -1 when there is none.
func match(table []sign, line string) int {
	low := strings.ToLower(line)
	for i, s := range table {
		fits := len(s.any) == 0
		for _, text := range s.any {
			fits = fits || strings.Contains(low, text)
		}
		for _, text := range s.all {
			fits = fits && strings.Contains(low, text)
		}
		if fits {
			return i
		}
	}
	return -1
}

func explain(s sign, line string) cause {
	c := cause{text: s.text, local: !s.far, first: s.first, line: line}
	if s.far {
		if m := peerOf.FindStringSubmatch(line); m != nil {
			c.peer = strings.Trim(m[1], `"`)
			c.text += " (" + c.peer + ")"
		}
	}
	if strings.Contains(strings.ToLower(line), "address already in use") {
		if m := portOf.FindStringSubmatch(line); m != nil {
			c.port, _ = strconv.Atoi(m[1])
		}
	}
	return c
}

// attempts are the lines of the last two attempts to run: what was wrong before
// may have been fixed.
func attempts(log []string) []string {
	mark := "]: Started " // services that do not say when they are ready
	for _, line := range log {
		if strings.Contains(line, "systemd[1]: Starting ") {
			mark = "]: Starting "
		}
	}
	seen := 0
	for i := len(log) - 1; i >= 0; i-- {
		if strings.Contains(log[i], " systemd[1"+mark) {
			if seen++; seen == 2 {
				return log[i:]
			}
		}
	}
	return log
}
