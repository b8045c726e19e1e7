package measure

import (
	"context"
	"strconv"
	"strings"

	"provision/provision/agent/api"
	"provision/provision/agent/hostfacts"
	"provision/provision/internal/system"
	"provision/provision/resource/kmod"
)

// maxAsked bounds what one request may ask for.
const maxAsked = 256

// Meter measures the host that it runs on.
type Meter struct {
	Sys *system.System
	// Network is what checks between hosts go through.
	Network Network
	opened  echoes
}

// Clock answers at once, so that the round trip can be taken out.
func (m *Meter) Clock(context.Context, api.Empty) (api.ClockResult, error) {
	return api.ClockResult{Now: m.Sys.Now().UTC()}, nil
}

// Inspect reads what the host is fit for. What cannot be read is left out:
// the operator judges by what is there.
func (m *Meter) Inspect(ctx context.Context, params api.InspectParams) (api.InspectResult, error) {
	if len(params.Ports)+len(params.Paths)+len(params.Modules) > maxAsked {
		return api.InspectResult{}, api.BadRequest("more than %d things to look at", maxAsked)
	}
	files := m.Sys.Files
	result := api.InspectResult{
		Swaps:       SwapAreas(hostfacts.Text(files, "/proc/swaps")),
		Controllers: controllers(files),
		Modules:     map[string]string{},
		Taken:       taken(files, params.Ports),
		Firewall:    m.firewall(ctx, params.Ports),
	}
	result.AvailableKiB, _ = strconv.ParseInt(hostfacts.Field(hostfacts.Text(files, "/proc/meminfo"), "MemAvailable"), 10, 64)
	for _, path := range params.Paths {
		result.Spaces = append(result.Spaces, Space(files, path))
	}
	for _, name := range params.Modules {
		result.Modules[name] = string(kmod.Available(files, name))
	}
	return result, nil
}

// SwapAreas reads /proc/swaps: a line of titles, then name, type, size, used,
// priority.
func SwapAreas(content string) []api.Swap {
	var list []api.Swap
	for i, line := range strings.Split(content, "\n") {
		fields := strings.Fields(line)
		if i == 0 || len(fields) < 4 {
			continue
		}
		size, err := strconv.ParseInt(fields[2], 10, 64)
		used, err2 := strconv.ParseInt(fields[3], 10, 64)
		if err != nil || err2 != nil || size < 0 || used < 0 {
			continue
		}
		list = append(list, api.Swap{Name: fields[0], SizeKiB: size, UsedKiB: used})
	}
	return list
}

// controllers are those of the unified hierarchy where it has any, and those
// that the kernel has enabled for version 1.
func controllers(files system.Files) []string {
	if list := hostfacts.Text(files, "/sys/fs/cgroup/cgroup.controllers"); list != "" {
		return strings.Fields(list)
	}
	return enabledControllers(hostfacts.Text(files, "/proc/cgroups"))
}

// enabledControllers reads /proc/cgroups: name, hierarchy, number, enabled.
func enabledControllers(content string) []string {
	var list []string
	for line := range strings.Lines(content) {
		fields := strings.Fields(line)
		if len(fields) == 4 && !strings.HasPrefix(line, "#") && fields[3] == "1" {
			list = append(list, fields[0])
		}
	}
	return list
}
