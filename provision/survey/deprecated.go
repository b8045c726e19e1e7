package survey

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"provision/provision/access"
	"provision/provision/upgrade"
)

// warnOfRemoved adds warnings for APIs that the wanted release no longer has and
// that somebody still uses. Every API server only knows what it was asked itself.
func (sv *Surveyor) warnOfRemoved(ctx context.Context, s *Survey) {
	target := sv.target()
	ctx, cancel := context.WithTimeout(ctx, access.ReachBudget)
	defer cancel()
	used, err := sv.API.Deprecated(ctx)
	if err != nil {
		s.warn = append(s.warn, "cannot tell whether somebody uses APIs that Kubernetes "+target.Line()+" drops: "+err.Error())
	}
	asked := map[string][]string{}
	for master, list := range used {
		for _, d := range list {
			// Not every deprecated API has a release by which it goes.
			if gone, err := upgrade.Parse(d.Removed + ".0"); err == nil && target.Compare(gone) >= 0 {
				text := fmt.Sprintf("%s, gone in %s", d, gone.Line())
				asked[text] = append(asked[text], master)
			}
		}
	}
	for _, text := range slices.Sorted(maps.Keys(asked)) {
		slices.Sort(asked[text])
		s.warn = append(s.warn, fmt.Sprintf("somebody uses an API that Kubernetes %s drops: %s (requests to %s since its start); find the client in the audit log, and change it first",
			target.Line(), text, strings.Join(asked[text], ", ")))
	}
}

// below reports whether an API server is of an older minor release.
func (i installed) below(target upgrade.Version) bool {
	return slices.ContainsFunc(i.hosts, func(h upgrade.Host) bool {
		v := h.Programs[upgrade.APIServer]
		return v.Known() && v.Line() != target.Line() && v.Compare(target) < 0
	})
}
