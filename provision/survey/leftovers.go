package survey

import (
	"context"
	"fmt"
	"strings"

	"provision/provision/access"
	"provision/provision/event"
	"provision/provision/upgrade"
)

// namedLeftovers is how many objects a warning names.
const namedLeftovers = 5

// warnOfLeftovers adds warnings for objects that somebody wrote, at whatever time,
// through APIs that the wanted release no longer has.
func (sv *Surveyor) warnOfLeftovers(ctx context.Context, s *Survey) {
	target, oldest := sv.target(), s.installed.oldest()
	if target.Major != oldest.Major {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, access.ReachBudget)
	defer cancel()
	list, err := sv.API.Leftovers(ctx, oldest.Minor, target.Minor)
	if err != nil {
		s.warn = append(s.warn, "cannot tell whether objects were written through APIs that Kubernetes "+target.Line()+" drops: "+err.Error())
	}
	for _, l := range list {
		names := strings.Join(l.Objects[:min(len(l.Objects), namedLeftovers)], ", ")
		if more := len(l.Objects) - namedLeftovers; more > 0 {
			names += fmt.Sprintf(" and %d more", more)
		}
		s.warn = append(s.warn, fmt.Sprintf("%s written through an API that Kubernetes %s drops: %s, gone in %s: %s, by %s; the objects stay, but the writer will fail: change it first",
			event.Count(len(l.Objects), "object"), target.Line(), l, l.Removed, names, strings.Join(l.Managers, ", ")))
	}
}

// oldest is the oldest version of an API server; zero when none is known.
func (i installed) oldest() upgrade.Version {
	var oldest upgrade.Version
	for _, h := range i.hosts {
		if v := h.Programs[upgrade.APIServer]; v.Known() && (!oldest.Known() || v.Compare(oldest) < 0) {
			oldest = v
		}
	}
	return oldest
}
