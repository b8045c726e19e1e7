package measure

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"provision/provision/agent/api"
	"provision/provision/agent/hostfacts"
	"provision/provision/internal/system"
)

// rulesTime bounds the tools that list rules; thousands of rules take long.
const rulesTime = 3 * time.Second

// maxRules bounds what is told of rules.
const maxRules = 8

// firewall asks the tools that are there. None installed means that nobody made
// rules by hand; what is really let through is tested host to host.
func (m *Meter) firewall(ctx context.Context, ports []api.Port) api.Firewall {
	var f api.Firewall
	if hostfacts.Assignments(hostfacts.Text(m.Sys.Files, "/etc/ufw/ufw.conf"))["ENABLED"] == "yes" {
		f.Active = append(f.Active, "ufw")
	}
	if _, err := m.Sys.Files.Lstat("/usr/sbin/firewalld"); err == nil {
		if status, err := m.Sys.Units.Status(ctx, "firewalld.service"); err == nil && status.ActiveState == "active" {
			f.Active = append(f.Active, "firewalld")
		}
	}
	ctx, cancel := context.WithTimeout(ctx, rulesTime)
	defer cancel()
	f.Closed, f.Drops = nftRules(m.tool(ctx, "nft", "list", "ruleset"), ports)
	if hostfacts.Text(m.Sys.Files, "/proc/net/ip_tables_names") != "" { // the older kind, which nft does not show
		closed, drops := iptablesRules(m.tool(ctx, "iptables-legacy-save", "-t", "filter"), ports)
		f.Closed, f.Drops = append(f.Closed, closed...), append(f.Drops, drops...)
	}
	f.Drops = f.Drops[:min(len(f.Drops), maxRules)]
	f.Closed = f.Closed[:min(len(f.Closed), maxRules)]
	return f
}

// tool is what a program prints, "" when there is none.
func (m *Meter) tool(ctx context.Context, name string, args ...string) string {
	path := m.Sys.Runner.LookPath(name)
	if path == "" {
		return ""
	}
	result, err := m.Sys.Runner.Run(ctx, system.Command{Argv: append([]string{path}, args...)})
	if err != nil {
		return ""
	}
	return string(result.Stdout)
}

// nftRules reads "nft list ruleset": tables of chains; a base chain says its
// hook and policy first.
func nftRules(ruleset string, ports []api.Port) (closed, drops []string) {
	var table, chain, hook string
	for line := range strings.Lines(ruleset) {
		line = strings.TrimSpace(line)
		words := strings.Fields(line)
		switch {
		case len(words) >= 3 && words[0] == "table":
			table = words[1] + " " + words[2]
		case len(words) >= 2 && words[0] == "chain":
			chain, hook = table+" "+words[1], ""
		case len(words) > 3 && words[0] == "type" && slices.Contains(words, "hook"):
			hook = after(words, "hook")
			if (hook == "input" || hook == "forward") && strings.Contains(line, "policy drop") {
				closed = append(closed, chain)
			}
		case hook == "input" && dropsPort(words, "dport", ports):
			drops = append(drops, chain+": "+line)
		}
	}
	return closed, drops
}

// iptablesRules reads iptables-save: ":CHAIN POLICY […]" and "-A CHAIN …".
func iptablesRules(saved string, ports []api.Port) (closed, drops []string) {
	for line := range strings.Lines(saved) {
		line = strings.TrimSpace(line)
		words := strings.Fields(line)
		switch {
		case len(words) >= 2 && (words[0] == ":INPUT" || words[0] == ":FORWARD") && words[1] == "DROP":
			closed = append(closed, "iptables "+words[0][1:])
		case len(words) > 2 && words[0] == "-A" && words[1] == "INPUT" && dropsPort(words, "--dport", ports):
			drops = append(drops, "iptables "+line)
		}
	}
	return closed, drops
}

func after(words []string, word string) string {
	if i := slices.Index(words, word); i >= 0 && i+1 < len(words) {
		return words[i+1]
	}
	return ""
}

// dropsPort reports whether a rule drops or rejects traffic to one of the ports.
func dropsPort(words []string, key string, ports []api.Port) bool {
	if !slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, "drop") || strings.EqualFold(w, "reject") }) {
		return false
	}
	i := slices.Index(words, key)
	if i < 0 {
		return false
	}
	for _, word := range words[i+1:] {
		word = strings.Trim(word, "{},")
		low, high, isRange := strings.Cut(strings.ReplaceAll(word, ":", "-"), "-")
		first, err := strconv.Atoi(low)
		if err != nil {
			if word == "" || word == "!=" {
				continue
			}
			return false // the next part of the rule
		}
		last := first
		if isRange {
			if last, err = strconv.Atoi(high); err != nil {
				return false
			}
		}
		if slices.ContainsFunc(ports, func(p api.Port) bool { return !p.Loopback && first <= p.Number && p.Number <= last }) {
			return true
		}
	}
	return false
}
