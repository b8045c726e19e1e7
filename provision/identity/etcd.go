package identity

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Reformed is an etcd cluster that took the place of the one that the ledgers
// know: its data were restored from a snapshot. Ids are hexadecimal.
type Reformed struct{ Was, Is string }

// SameEtcd compares what the ledgers know with what the members say. Members of
// two clusters never become one, and which of them has the right data is not
// for us to say.
func SameEtcd(known string, ids map[string]uint64) (*Reformed, error) {
	hosts := map[string][]string{}
	for _, host := range slices.Sorted(maps.Keys(ids)) {
		id := strconv.FormatUint(ids[host], 16)
		hosts[id] = append(hosts[id], host)
	}
	if len(hosts) == 1 {
		for id := range hosts {
			if id != known {
				return &Reformed{Was: known, Is: id}, nil
			}
		}
		return nil, nil //nolint:nilnil // the same as before
	}
	var lines []string
	for _, id := range slices.Sorted(maps.Keys(hosts)) {
		note := ""
		if id == known {
			note = ", the one that the cluster had"
		}
		lines = append(lines, fmt.Sprintf("%s: etcd cluster %s%s", strings.Join(hosts[id], ", "), id, note))
	}
	return nil, fmt.Errorf("cannot continue: etcd's members belong to different etcd clusters:\n  %s\nNothing was changed. Was a snapshot restored on some hosts only? Decide which data are right. On the other hosts stop etcd.service and move the data away: they join again with the next apply",
		strings.Join(lines, "\n  "))
}
