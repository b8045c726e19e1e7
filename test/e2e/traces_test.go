//go:build e2e

package e2e

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// trace is what a run of provision could have touched on a host.
type trace struct {
	Units []string // with invocation and process
	Files []string // with time of change, size and mode
	Books []string // the same of what provision keeps for itself: lock, ledger, digests
}

// watched are the folders in which provision writes.
func watched() []string {
	return []string{"/etc", "/usr/local", "/opt", "/var/lib/provision", "/var/lib/kubelet/pki"}
}

// trace reads it. Units and files that live their own life are left out.
func (c *cluster) trace(t *testing.T, host string) trace {
	t.Helper()
	books := regexp.MustCompile(`^/var/lib/provision(/ledger.*|/digests.json)? `)
	units := c.on(t, host, "systemctl", "show", "*.service", "-p", "Id", "-p", "ActiveState", "-p", "InvocationID", "-p", "MainPID", "-p", "FragmentPath")
	var tr trace
	for block := range strings.SplitSeq(units, "\n\n") {
		fields := strings.Fields(block)
		slices.Sort(fields)
		if slices.ContainsFunc(fields, func(f string) bool { return strings.HasPrefix(f, "FragmentPath=/etc/systemd/system/") }) ||
			slices.Contains(fields, "Id=haproxy.service") {
			tr.Units = append(tr.Units, strings.Join(fields, " "))
		}
	}
	args := append(append([]string{"find"}, watched()...), "-xdev", "-not", "-path", "/var/lib/provision/agent*", "-printf", "%p %T@ %s %m\n")
	for line := range strings.SplitSeq(c.on(t, host, args...), "\n") {
		if books.MatchString(line) {
			tr.Books = append(tr.Books, line)
		} else {
			tr.Files = append(tr.Files, line)
		}
	}
	slices.Sort(tr.Units)
	slices.Sort(tr.Files)
	slices.Sort(tr.Books)
	return tr
}

func (c *cluster) traces(t *testing.T, hosts ...string) map[string]trace {
	t.Helper()
	all := map[string]trace{}
	for _, host := range hosts {
		all[host] = c.trace(t, host)
	}
	return all
}

// applied names the hosts of the inventory; the lab may have more.
func (c *cluster) applied(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, h := range load(t, c.files...).Hosts {
		names = append(names, h.Name)
	}
	return names
}

// countChannels makes sshd tell of each channel that runs a command.
func (c *cluster) countChannels(t *testing.T, host string) {
	t.Helper()
	c.on(t, host, "sh", "-c", "echo LogLevel VERBOSE >/etc/ssh/sshd_config.d/e2e.conf && systemctl reload ssh")
}

// channels counts the commands that sshd ran, by host.
func (c *cluster) channels(t *testing.T) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for _, host := range c.applied(t) {
		log := c.on(t, host, "journalctl", "--no-pager", "-o", "cat", "-t", "sshd")
		counts[host] = strings.Count(log, "Starting session: command")
	}
	return counts
}
