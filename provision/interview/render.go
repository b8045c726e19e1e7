package interview

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// Render writes the draft as a commented inventory. Equal drafts make equal
// bytes.
func Render(d Draft) []byte {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Written by provision init. Everything else has defaults: docs/inventory.md")
	line("# names all settings. Check the file after editing: provision validate FILE")
	line("")
	line("cluster %s {", quoted(d.Name))
	switch d.Environment {
	case "":
	case "prod":
		line("environment = %s # consent is given by typing the cluster's name", quoted(d.Environment))
	default:
		line("environment = %s", quoted(d.Environment))
	}
	line("}")
	line("")
	renderSSH(line, d.Login)
	renderNetworks(line, d)
	if d.SharedKernel {
		line("%s", sharedKernel)
	}
	renderHosts(line, d.Hosts)
	return hclwrite.Format([]byte(strings.TrimRight(b.String(), "\n") + "\n"))
}

// sharedKernel is what lab hosts need in addition to what real ones do, beside
// the lines of renderNetworks.
const sharedKernel = `# Shared kernel: lab hosts are containers on this machine's kernel, perhaps on
# cgroup v1 and without CAP_SYS_RESOURCE; modules, sysctls, swap and the clock
# are the machine's. Leave these three blocks out for real hosts.
kubernetes {
cgroup_driver = "cgroupfs"
restrict_oom_score_adj = true
kubelet = {
failCgroupV1 = false
featureGates = { KubeletInUserNamespace = true }
}
}

os {
manage_modules = false
manage_sysctls = false
swap = "ignore"
}

time {
manage = false
}
`

func renderNetworks(line liner, d Draft) {
	if !d.Pods.IsValid() && !d.SharedKernel {
		return
	}
	if d.Pods.IsValid() {
		line("# Addresses inside the cluster, apart from every network that hosts are in.")
		line("# They cannot be changed once the cluster is there.")
	}
	line("network {")
	if d.Pods.IsValid() {
		line("pods = %s # each host gets a /24 of it", quoted(d.Pods.String()))
		line("services = %s", quoted(d.Services.String()))
	}
	if d.SharedKernel {
		line("")
		line("# Shared kernel: the limits of connection tracking are the machine's.")
		line("# Leave these two lines out for real hosts.")
		line("proxy_conntrack_min = 0")
		line("proxy_conntrack_max_per_core = 0")
	}
	line("}")
	line("")
}

type liner func(format string, args ...any)

func renderSSH(line liner, l Login) {
	line("# How the hosts are reached. Keys come from %s.", keysFrom(l))
	line("ssh {")
	line("user = %s%s", quoted(l.User), sudoNote(l))
	if l.Port != 0 && l.Port != 22 {
		line("port = %d", l.Port)
	}
	if l.IdentityFile != "" {
		line("identity_files = [%s]", quoted(l.IdentityFile))
	}
	if l.NoSudo {
		line("sudo = false")
	}
	if l.Bastion != "" {
		user, address, port := splitBastion(l.Bastion)
		line("bastion {")
		line("address = %s", quoted(address))
		if port != 0 && port != 22 {
			line("port = %d", port)
		}
		if user != "" {
			line("user = %s", quoted(user))
		}
		line("}")
	}
	line("}")
	line("")
}

func keysFrom(l Login) string {
	if l.IdentityFile != "" {
		return "the file named here, and ssh-agent"
	}
	return "ssh-agent and ~/.ssh"
}

func sudoNote(l Login) string {
	if l.User == "root" || l.NoSudo {
		return ""
	}
	return " # becomes root through sudo"
}

// splitBastion takes [user@]host[:port] apart; port is 0 when there is none.
func splitBastion(text string) (user, address string, port int) {
	address = text
	if i := strings.LastIndex(address, "@"); i >= 0 {
		user, address = address[:i], address[i+1:]
	}
	if host, number, err := net.SplitHostPort(address); err == nil {
		if n, err := strconv.Atoi(number); err == nil {
			return user, host, n
		}
	}
	return user, strings.Trim(address, "[]"), 0
}

func renderHosts(line liner, hosts []Host) {
	for _, section := range []struct {
		is      func(Host) bool
		comment string
	}{
		{func(h Host) bool { return h.Master && h.Node }, "Masters that run pods, too."},
		{func(h Host) bool { return h.Master && !h.Node }, "Masters only: ordinary pods stay off them."},
		{func(h Host) bool { return !h.Master }, "Nodes: they run pods."},
	} {
		var own []Host
		for _, h := range hosts {
			if section.is(h) {
				own = append(own, h)
			}
		}
		if len(own) == 0 {
			continue
		}
		line("# %s", section.comment)
		for _, g := range group(own) {
			if g.count > 1 {
				line("# %d hosts: %s is %s, and so on, one by one.", g.count, g.first.Name, g.first.Address)
			}
			roles := make([]string, 0, 3)
			for _, r := range g.first.roles() {
				roles = append(roles, quoted(r))
			}
			line("host %s {", quoted(g.name))
			line("address = %s", quoted(g.address))
			line("roles = [%s]", strings.Join(roles, ", "))
			line("}")
			line("")
		}
	}
}

func quoted(text string) string {
	return string(hclwrite.TokensForValue(cty.StringVal(text)).Bytes())
}

// block is one host block, for one host or many.
type block struct {
	name, address string
	first         Host
	count         int
}

// group puts hosts together whose names count up and whose addresses differ in
// the last number only.
func group(hosts []Host) []block {
	var blocks []block
	for rest := hosts; len(rest) > 0; {
		n := 1
		for n < len(rest) && follows(rest[n-1], rest[n]) {
			n++
		}
		blocks = append(blocks, blockOf(rest[:n]))
		rest = rest[n:]
	}
	return blocks
}

// follows reports whether b can stand in one block after a.
func follows(a, b Host) bool {
	if fmt.Sprint(a.roles()) != fmt.Sprint(b.roles()) || !a.Address.Is4() || !b.Address.Is4() {
		return false
	}
	if lastDot(a.Address.String()) != lastDot(b.Address.String()) || !a.Address.Less(b.Address) {
		return false
	}
	prefix, number, ok := cutNumber(a.Name)
	if !ok {
		return false
	}
	n, err := strconv.Atoi(number)
	if err != nil {
		return false
	}
	next := fmt.Sprintf("%0*d", len(number), n+1)
	// 9 and 10 follow each other, 09 and 10, too; 009 and 10 do not.
	return b.Name == prefix+next && (len(next) == len(number) || number[0] != '0')
}

// cutNumber splits off the digits at the end of a name, as many as a range
// takes.
func cutNumber(name string) (prefix, number string, ok bool) {
	prefix = strings.TrimRight(name, "0123456789")
	number = name[len(prefix):]
	return prefix, number, number != "" && len(number) <= 8
}

func blockOf(hosts []Host) block {
	first, last := hosts[0], hosts[len(hosts)-1]
	b := block{name: first.Name, address: first.Address.String(), first: first, count: len(hosts)}
	if len(hosts) == 1 {
		return b
	}
	prefix, from, _ := cutNumber(first.Name)
	_, to, _ := cutNumber(last.Name)
	b.name = fmt.Sprintf("%s[%s-%s]", prefix, from, to)
	b.address = lastDot(first.Address.String()) + "[" + runs(hosts) + "]"
	return b
}

// runs writes the last numbers of addresses as ranges.
func runs(hosts []Host) string {
	last := func(a netip.Addr) int { return int(a.As4()[3]) }
	var parts []string
	for i := 0; i < len(hosts); {
		from, n := last(hosts[i].Address), 1
		for i+n < len(hosts) && last(hosts[i+n].Address) == from+n {
			n++
		}
		if i += n; n == 1 {
			parts = append(parts, strconv.Itoa(from))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", from, from+n-1))
		}
	}
	return strings.Join(parts, ",")
}
