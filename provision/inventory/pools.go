package inventory

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"provision/provision/diag"
)

// Pool are settings of the kubelets of some hosts.
type Pool struct {
	Name string
	// A host belongs to the pool that has all of these labels and, unless there
	// are none, one of these roles.
	Labels map[string]string
	Roles  []Role
	// Policies as KubeletConfiguration spells them; "" means kubelet's own.
	CPUManager, TopologyManager, MemoryManager string
	ReservedCPUs                               string
	ReservedMemory                             map[string]string // by NUMA node
	SystemReserved, KubeReserved               map[string]string
	HugePages                                  map[string]int // by size: 2Mi, 1Gi
	Config                                     map[string]any // fields of KubeletConfiguration
	Range                                      hcl.Range
}

func poolSpec(roles []Role) *blockSpec {
	return &blockSpec{
		Name: "kubelet", Label: "pool", Many: true,
		Doc: "Settings of the kubelets of a pool of hosts, chosen by labels and roles; over those of `kubernetes`. A change of the managers, of what is reserved for them or of huge pages drains each Node.",
		Attrs: []attrSpec{
			{Name: "labels", Kind: labelsKind(), Doc: "Hosts that have all of these labels."},
			{Name: "roles", Kind: rolesKind(roles), Doc: "Hosts that have one of these roles."},
			{Name: "cpu_manager_policy", Kind: oneOf("none", "static"), Default: `"none"`, Doc: "`static` gives containers of guaranteed pods with whole CPUs CPUs of their own; it needs `reserved_cpus`."},
			{Name: "topology_manager_policy", Kind: oneOf("none", "best-effort", "restricted", "single-numa-node"), Default: `"none"`, Doc: "How CPUs, memory and devices of a pod are kept on one NUMA node."},
			{Name: "memory_manager_policy", Kind: oneOf("None", "Static"), Default: `"None"`, Doc: "`Static` guarantees memory of NUMA nodes; it needs `reserved_memory`."},
			{Name: "reserved_cpus", Kind: of("list of CPUs", checkCPUs), Doc: "CPUs that no pod has to itself, for the system and Kubernetes: `\"0-1,8\"`."},
			{Name: "reserved_memory", Kind: pairs("map of NUMA nodes", checkNUMA), Doc: "Memory of each NUMA node that is not for pods: `{ \"0\" = \"1Gi\" }`. The sum is that of `system_reserved`, `kube_reserved` and the hard eviction threshold."},
			{Name: "system_reserved", Kind: pairs("map of resources", checkReserved), Doc: "What the system keeps, `{ cpu = \"500m\", memory = \"1Gi\" }`; over what we keep by roles."},
			{Name: "kube_reserved", Kind: pairs("map of resources", checkReserved), Doc: "What Kubernetes' own programs keep."},
			{Name: "huge_pages", Kind: pairs("map of page sizes", checkPages), Doc: "Pages that the kernel sets aside, by size: `{ \"2Mi\" = 512 }`."},
			{Name: "config", Kind: objectKind(), Doc: "Fields of KubeletConfiguration, merged over all others."},
		},
	}
}

func (l *loader) bindPools(root *node) []Pool {
	general, _ := goValueOf(root.only("kubernetes"), "kubelet").(map[string]any)
	var pools []Pool
	for _, n := range root.blocks["kubelet"] {
		p := Pool{Name: n.label, Labels: n.dict("labels"), CPUManager: n.str("cpu_manager_policy"), TopologyManager: n.str("topology_manager_policy"),
			MemoryManager: n.str("memory_manager_policy"), ReservedCPUs: n.str("reserved_cpus"), ReservedMemory: n.dict("reserved_memory"),
			SystemReserved: n.dict("system_reserved"), KubeReserved: n.dict("kube_reserved"), HugePages: map[string]int{}, Range: n.at}
		for _, r := range n.list("roles") {
			p.Roles = append(p.Roles, Role(r))
		}
		for size, count := range n.dict("huge_pages") {
			p.HugePages[size], _ = strconv.Atoi(count) // checked
		}
		if n.has("config") {
			p.Config, _ = goValue(n.attrs["config"].v).(map[string]any)
		}
		for _, before := range pools {
			if before.Name == p.Name {
				l.report(diag.Errorf(n.at, "Two pools of one name", "%s is named twice.", quote(p.Name)).And("the first is", before.Range))
			}
		}
		l.checkPool(n, p, general)
		pools = append(pools, p)
	}
	return pools
}

func goValueOf(n *node, name string) any {
	if !n.has(name) {
		return nil
	}
	return goValue(n.attrs[name].v)
}

// PoolOf is the pool of a host, or one with kubelet's own settings.
func (inv *Inventory) PoolOf(h Host) Pool {
	for _, p := range inv.Pools {
		if p.has(h) {
			return p
		}
	}
	return Pool{CPUManager: "none", TopologyManager: "none", MemoryManager: "None"}
}

func (p Pool) has(h Host) bool {
	for key, value := range p.Labels {
		if have, ok := h.Labels[key]; !ok || have != value {
			return false
		}
	}
	return h.Joins() && (len(p.Roles) == 0 || slices.ContainsFunc(p.Roles, h.Has))
}

// checkMembers sees that a host is in one pool, and a pool has hosts.
func (l *loader) checkMembers(pools []Pool, hosts []placed) {
	used := map[string]bool{}
	for _, h := range hosts {
		var first *Pool
		for i, p := range pools {
			if !p.has(h.Host) {
				continue
			}
			used[p.Name] = true
			if first != nil && first.Name != p.Name {
				l.report(diag.Errorf(p.Range, "A host in two pools", "%s belongs to kubelet %s and to kubelet %s; tell them apart by labels.", quote(h.Name), quote(first.Name), quote(p.Name)).And("the other is", first.Range))
			}
			first = &pools[i]
		}
	}
	for _, p := range pools {
		if !used[p.Name] && !l.partial {
			l.report(diag.Warningf(p.Range, "A pool without hosts", "No host has the labels and roles of kubelet %s.", quote(p.Name)))
		}
	}
}

func (l *loader) checkPool(n *node, p Pool, general map[string]any) {
	if !isLabel(p.Name) {
		l.report(diag.Errorf(n.at, "Invalid pool name", "%s is not a name of small letters, digits and '-'.", quote(p.Name)))
	}
	if len(p.Labels) == 0 && len(p.Roles) == 0 {
		l.report(diag.Errorf(n.at, "A pool of nobody", "kubelet %s needs labels, roles or both, to say whose settings it holds. For all hosts there is kubernetes { kubelet = … }.", quote(p.Name)))
	}
	if p.CPUManager == "static" && p.ReservedCPUs == "" {
		l.report(diag.Errorf(n.where("cpu_manager_policy"), "No CPUs are reserved", "With the static CPU manager some CPUs must be left for the system and for all other pods: add reserved_cpus = \"0\"."))
	}
	if p.MemoryManager != "Static" {
		if len(p.ReservedMemory) > 0 {
			l.report(diag.Errorf(n.where("reserved_memory"), "Memory reserved for nothing", "reserved_memory is for memory_manager_policy = \"Static\" only."))
		}
		return
	}
	l.checkMemory(n, p, general)
}

// checkMemory does kubelet's sum, which does not start when it is wrong.
func (l *loader) checkMemory(n *node, p Pool, general map[string]any) {
	if len(p.ReservedMemory) == 0 || p.SystemReserved["memory"] == "" || p.KubeReserved["memory"] == "" {
		l.report(diag.Errorf(n.where("memory_manager_policy"), "Memory is not reserved", "The Static memory manager needs reserved_memory, and memory in system_reserved and in kube_reserved."))
		return
	}
	var sum int64
	for _, node := range slices.Sorted(maps.Keys(p.ReservedMemory)) {
		size, _ := parseQuantity(p.ReservedMemory[node]) // checked
		sum += size
	}
	system, _ := parseQuantity(p.SystemReserved["memory"])
	kube, _ := parseQuantity(p.KubeReserved["memory"])
	eviction, at := eviction(p.Config, general)
	hard, err := parseQuantity(eviction)
	if err != nil {
		l.report(diag.Errorf(n.where("config"), "Eviction threshold is no size", "With the Static memory manager %s must be a size such as \"200Mi\": %s.", at, err))
		return
	}
	if want := system + kube + hard; sum != want {
		l.report(diag.Errorf(n.where("reserved_memory"), "Reserved memory does not add up",
			"It is %s, and must be %s: system_reserved %s, kube_reserved %s and %s %s.", mebi(sum), mebi(want), p.SystemReserved["memory"], p.KubeReserved["memory"], at, eviction).
			And("system_reserved is", n.where("system_reserved")).And("kube_reserved is", n.where("kube_reserved")))
	}
}

// EvictionMemory is the hard eviction threshold of memory, unless the inventory
// has another.
const EvictionMemory = "200Mi"

func eviction(config, general map[string]any) (value, at string) {
	for _, each := range []map[string]any{config, general} {
		hard, _ := each["evictionHard"].(map[string]any)
		if own, ok := hard["memory.available"].(string); ok {
			return own, "evictionHard"
		}
	}
	return EvictionMemory, "the hard eviction threshold"
}

func mebi(bytes int64) string {
	if bytes%(1<<20) == 0 {
		return strconv.FormatInt(bytes>>20, 10) + "Mi"
	}
	return strconv.FormatInt(bytes, 10)
}

// checkCPUs takes what kubelet takes: 0-1,8.
func checkCPUs(text string) error {
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		a, errA := strconv.ParseUint(first, 10, 16)
		b := a
		var errB error
		if isRange {
			b, errB = strconv.ParseUint(last, 10, 16)
		}
		if errA != nil || errB != nil || b < a {
			return fmt.Errorf("%s in %s is neither a CPU nor a range of CPUs such as 0-1", quote(part), quote(text))
		}
	}
	return nil
}

func checkNUMA(node, size string) error {
	if _, err := strconv.ParseUint(node, 10, 8); err != nil {
		return fmt.Errorf("%s is not the number of a NUMA node", quote(node))
	}
	_, err := parseQuantity(size)
	return err
}

func checkReserved(name, amount string) error {
	switch name {
	case "memory", "ephemeral-storage":
		_, err := parseQuantity(amount)
		return err
	case "cpu":
		number, _ := strings.CutSuffix(amount, "m")
		if _, err := strconv.ParseUint(number, 10, 32); err != nil {
			return fmt.Errorf("%s is not an amount of CPU such as \"500m\" or \"2\"", quote(amount))
		}
		return nil
	case "pid":
		_, err := strconv.ParseUint(amount, 10, 32)
		return err
	}
	return fmt.Errorf("%s cannot be reserved; cpu, memory, ephemeral-storage and pid can", quote(name))
}

func checkPages(size, count string) error {
	bytes, err := parseQuantity(size)
	if err != nil || bytes < 4096 || bytes&(bytes-1) != 0 {
		return fmt.Errorf("%s is not a size of huge pages such as 2Mi or 1Gi", quote(size))
	}
	if _, err := strconv.ParseUint(count, 10, 31); err != nil {
		return fmt.Errorf("%s is not a number of pages", quote(count))
	}
	return nil
}

// parseQuantity reads the amounts of memory that people write.
func parseQuantity(text string) (int64, error) {
	units := []struct {
		end    string
		factor int64
	}{{"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}, {"Ti", 1 << 40}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {"", 1}}
	for _, unit := range units {
		number, ok := strings.CutSuffix(text, unit.end)
		if !ok {
			continue
		}
		value, err := strconv.ParseInt(number, 10, 64)
		if err != nil || value < 0 || strings.HasPrefix(number, "+") || value > (1<<62)/unit.factor {
			break
		}
		return value * unit.factor, nil
	}
	return 0, fmt.Errorf("%s is not a size such as \"512Mi\" or \"2Gi\"", quote(text))
}
