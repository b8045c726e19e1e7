package kubelet

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"provision/provision/component"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/directory"
	"provision/provision/resource/hugepages"
	"provision/provision/resource/managers"
)

// pooled are the fields that a pool sets.
func pooled(p inventory.Pool) map[string]any {
	fields := map[string]any{}
	set := func(field, value, usual string) {
		if value != "" && value != usual {
			fields[field] = value
		}
	}
	set("cpuManagerPolicy", p.CPUManager, managers.NoCPU)
	set("topologyManagerPolicy", p.TopologyManager, "none")
	set("memoryManagerPolicy", p.MemoryManager, managers.NoMemory)
	set("reservedSystemCPUs", p.ReservedCPUs, "")
	var reserved []any
	for _, node := range slices.SortedFunc(maps.Keys(p.ReservedMemory), byNumber) {
		number, _ := strconv.Atoi(node) // the inventory was checked
		reserved = append(reserved, map[string]any{"numaNode": number, "limits": map[string]any{"memory": p.ReservedMemory[node]}})
	}
	if len(reserved) > 0 {
		fields["reservedMemory"] = reserved
	}
	for field, amounts := range map[string]map[string]string{"systemReserved": p.SystemReserved, "kubeReserved": p.KubeReserved} {
		if len(amounts) == 0 {
			continue
		}
		values := map[string]any{}
		for name, amount := range amounts {
			values[name] = amount
		}
		fields[field] = values
	}
	return merge(fields, p.Config)
}

func byNumber(a, b string) int {
	x, _ := strconv.Atoi(a)
	y, _ := strconv.Atoi(b)
	return x - y
}

// begun is with what the managers of a configuration must have begun: kubelet
// refuses to start with a memory that fits other settings.
func begun(config map[string]any) managers.Spec {
	text := func(field, usual string) string {
		if value, ok := config[field].(string); ok && value != "" {
			return value
		}
		return usual
	}
	spec := managers.Spec{Folder: stateDir, CPU: text("cpuManagerPolicy", managers.NoCPU), Memory: text("memoryManagerPolicy", managers.NoMemory)}
	depends := map[string][]string{}
	if spec.CPU != managers.NoCPU {
		depends["cpu"] = []string{"reservedSystemCPUs", "cpuManagerPolicyOptions"}
		if config["reservedSystemCPUs"] == nil {
			depends["cpu"] = append(depends["cpu"], "systemReserved", "kubeReserved")
		}
	}
	if spec.Memory != managers.NoMemory {
		depends["memory"] = []string{"reservedMemory"}
	}
	if len(depends) == 0 {
		return spec
	}
	on := map[string]any{}
	for manager, fields := range depends {
		for _, field := range fields {
			if value, ok := config[field]; ok {
				on[manager+" "+field] = value
			}
		}
	}
	raw, err := json.Marshal(on)
	if err != nil {
		return spec // it is written as YAML, too, which tells
	}
	spec.Reserved = strings.TrimSpace(string(raw))
	return spec
}

// pools wants what belongs to a pool besides kubelet's configuration, and comes
// before it: a kubelet that ends by itself meanwhile must not find settings that
// its managers did not begin with.
func pools(s *component.Set, config map[string]any) []resource.Address {
	var list []resource.Address
	p := s.Cluster.Inventory.PoolOf(s.Host)
	for _, size := range slices.Sorted(maps.Keys(p.HugePages)) {
		list = append(list, s.Add(hugepages.New(s.Host.Name, kibi(size), p.HugePages[size], Unit)))
	}
	folder := resource.Address{Host: s.Host.Name, Kind: directory.Kind, Name: stateDir}
	return append(list, s.Add(managers.New(s.Host.Name, Unit, begun(config)).Restarting(Unit).After(folder)))
}

// kibi is a size of pages in KiB.
func kibi(size string) string {
	for end, factor := range map[string]int{"Ki": 1, "Mi": 1 << 10, "Gi": 1 << 20} {
		if number, ok := strings.CutSuffix(size, end); ok {
			n, _ := strconv.Atoi(number) // the inventory was checked
			return strconv.Itoa(n * factor)
		}
	}
	n, _ := strconv.Atoi(size)
	return strconv.Itoa(n >> 10)
}
