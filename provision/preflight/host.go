package preflight

import (
	"fmt"
	"slices"
	"strings"

	"provision/provision/inventory"
	"provision/provision/osfacts"
)

// system judges what the host is.
func (in Input) system(h Host) []Finding {
	var list []Finding
	if err := osfacts.Check(h.Name, h.Facts.OS, in.AllowUntestedOS); err != nil {
		list = append(list, Finding{Severity: Error, Host: h.Name, Check: OS, What: err.Error(),
			Why: "nobody tried it", Remedy: "install a supported system"})
	}
	if arch := h.Facts.Arch; arch != "amd64" && arch != "arm64" {
		list = append(list, Finding{Severity: Error, Host: h.Name, Check: Arch, What: fmt.Sprintf("its processor is %s", arch),
			Why: "there are artifacts for amd64 and arm64", Remedy: "use another host"})
	}
	if h.Facts.Init != "systemd" {
		list = append(list, Finding{Severity: Error, Host: h.Name, Check: Init, What: fmt.Sprintf("its process 1 is %q, not systemd", h.Facts.Init),
			Why: "all that is installed runs as systemd services", Remedy: "boot the host with systemd"})
	}
	if h.Facts.Rebooting {
		list = append(list, Finding{Severity: Error, Host: h.Name, Check: Init, What: "it is about to shut down",
			Remedy: "wait until it is back, or cancel it there: shutdown -c"})
	}
	return append(list, in.power(h)...)
}

// needs of memory, in MiB, and processors: least is what starts at all, enough
// what runs well. Roles on one host share them.
func needs(h inventory.Host) (least, enough int64, cpus int) {
	switch {
	case h.Has(inventory.RoleMaster):
		return 1700, 3500, 2
	case h.Has(inventory.RoleNode):
		return 700, 1800, 1
	}
	return 450, 1800, 1
}

func (in Input) power(h Host) []Finding {
	var list []Finding
	least, enough, cpus := needs(h.Host)
	have := h.Facts.MemoryKiB / 1024
	roles := roleNames(h.Host)
	switch {
	case have < least:
		list = append(list, Finding{Severity: Error, Host: h.Name, Check: Memory, What: fmt.Sprintf("it has %d MiB of memory", have),
			Why: fmt.Sprintf("%s needs at least %d MiB", roles, least), Remedy: "give it more memory, or fewer roles"})
	case have < enough && h.New():
		list = append(list, Finding{Severity: Warning, Host: h.Name, Check: Memory, What: fmt.Sprintf("it has %d MiB of memory", have),
			Why: fmt.Sprintf("little is left beside %s", roles), Remedy: fmt.Sprintf("%d MiB are comfortable", enough)})
	}
	if h.Facts.CPUs < cpus && h.New() {
		list = append(list, Finding{Severity: Warning, Host: h.Name, Check: CPU, What: "it has one processor",
			Why: "API server and etcd compete for it", Remedy: fmt.Sprintf("give it %d", cpus)})
	}
	return list
}

func roleNames(h inventory.Host) string {
	names := make([]string, 0, len(h.Roles))
	for _, r := range h.Roles {
		names = append(names, string(r))
	}
	return strings.Join(names, " and ")
}

// kernel judges modules, and of a Node control groups and swap.
func (in Input) kernel(h Host) []Finding {
	list := in.modules(h)
	if !h.Joins() {
		return list
	}
	if fails, set := in.Inventory.Kubernetes.Kubelet["failCgroupV1"].(bool); h.Facts.Cgroup == 1 && (fails || !set) {
		list = append(list, Finding{Severity: Error, Host: h.Name, Check: Cgroup, What: "it has control groups of version 1",
			Why: "kubelet refuses them", Remedy: "boot with systemd.unified_cgroup_hierarchy=1, or set kubelet = { failCgroupV1 = false } in the kubernetes block"})
	}
	var lacks []string
	for _, name := range []string{"cpu", "cpuset", "memory", "pids"} {
		if len(h.Found.Controllers) > 0 && !slices.Contains(h.Found.Controllers, name) {
			lacks = append(lacks, name)
		}
	}
	if len(lacks) > 0 {
		list = append(list, Finding{Severity: Error, Host: h.Name, Check: Cgroup, What: "its kernel does not offer the control group controllers " + strings.Join(lacks, ", "),
			Why: "kubelet cannot limit pods", Remedy: "enable them on the kernel's command line, for example cgroup_enable=memory"})
	}
	return append(list, in.swap(h)...)
}

// modules judges those that the host's components need.
func (in Input) modules(h Host) []Finding {
	var missing []string
	for name, have := range h.Found.Modules {
		if have == "absent" || have == "loadable" && !in.Inventory.OS.ManageModules {
			missing = append(missing, name)
		}
	}
	if slices.Sort(missing); len(missing) == 0 {
		return nil
	}
	remedy := fmt.Sprintf("install the kernel's package of modules for %s (linux-modules-extra on Ubuntu), or another kernel", h.Facts.Kernel)
	if !in.Inventory.OS.ManageModules {
		remedy = "load them where the kernel runs, or set manage_modules = true in the os block"
	}
	return []Finding{{Severity: Error, Host: h.Name, Check: Module, What: "its kernel lacks the modules " + strings.Join(missing, ", "),
		Why: roleNames(h.Host) + " needs them", Remedy: remedy}}
}

// swap is turned off by apply, unless the inventory leaves it alone.
func (in Input) swap(h Host) []Finding {
	if in.Inventory.OS.Swap == "ignore" || len(h.Found.Swaps) == 0 || !h.New() {
		return nil
	}
	var used int64
	var names []string
	for _, s := range h.Found.Swaps {
		used += s.UsedKiB
		names = append(names, s.Name)
	}
	f := Finding{Severity: Warning, Host: h.Name, Check: Swap, What: "it swaps to " + strings.Join(names, ", "),
		Why: "kubelet does not start with swap", Remedy: `nothing to do: apply turns it off, also at boot; to keep it, set swap = "ignore" in the os block`}
	if h.Found.AvailableKiB > 0 && used > h.Found.AvailableKiB {
		f.Severity = Error
		f.Why = fmt.Sprintf("%d MiB are in use and only %d MiB of memory are free to take them", used/1024, h.Found.AvailableKiB/1024)
		f.Remedy = `stop what uses the memory, or set swap = "ignore" in the os block`
	}
	return []Finding{f}
}

// ports judges what listens where components will.
func (in Input) ports(h Host) []Finding {
	var list []Finding
	for _, t := range h.Found.Taken {
		i := slices.IndexFunc(h.Ports, func(p portOf) bool { return p.Number == t.Port.Number && p.UDP == t.Port.UDP })
		if i < 0 {
			continue
		}
		want := h.Ports[i]
		if h.Owns(want.Unit) && (t.Unit == want.Unit || t.Unit == "" && !t.Agent) {
			continue // it is ours, or the kernel's on behalf of ours
		}
		if h.Begun() && t.Unit == want.Unit {
			continue // a run was cut short: the OS started at boot what it had installed
		}
		f := Finding{Severity: Error, Host: h.Name, Check: Port,
			What: fmt.Sprintf("port %s is taken by %s, which listens on %s", name(want), holder(t), t.Address),
			Why:  want.Unit + " needs it", Remedy: stop(t)}
		if t.Agent {
			f.Severity, f.Remedy = Warning, "another run of provision is checking the host; run this again when it has ended"
		}
		if !slices.ContainsFunc(list, func(have Finding) bool { return have.What == f.What }) {
			list = append(list, f)
		}
	}
	for _, p := range h.Ports {
		if p.From != nil && !h.New() && h.Owns(p.Unit) && !listens(h, p) {
			list = append(list, Finding{Severity: Warning, Host: h.Name, Check: Port, What: fmt.Sprintf("nothing listens on port %s", name(p)),
				Why: p.Unit + " should", Remedy: "see why on the host: systemctl status " + p.Unit})
		}
	}
	return list
}
