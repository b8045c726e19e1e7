package plan

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"provision/provision/desired"
	"provision/provision/resource"
)

// Rollout bounds how many hosts are changed at once by what needs their Nodes
// empty, or can take them out of service.
type Rollout struct {
	// MaxUnavailable is the number of workers in a wave, at least 1.
	MaxUnavailable int
	// Canary is the number of workers that go before the others.
	Canary int
}

// Wave are hosts that are changed at the same time. The next wave waits until
// all of this one went well.
type Wave struct {
	Hosts []string `json:"hosts"`
	// Canary are the first workers.
	Canary bool `json:"canary,omitempty"`
	// Rest are hosts that an earlier run left cordoned, and on which nothing is
	// left to change: they only take pods again.
	Rest bool `json:"rest,omitempty"`
	// Again are hosts on which an earlier run changed something and did not come to
	// see whether it works: nobody else gets it before that is known.
	Again bool `json:"again,omitempty"`
	// Pods are hosts of the wave whose pods stay: only settings change there.
	Pods []string `json:"pods,omitempty"`
}

// WaveGate is the address of the gate after the wave of that number, from 1.
func WaveGate(number int) resource.Address {
	return desired.GateAddress(wavePrefix + strconv.Itoa(number))
}

const wavePrefix = "wave-"

// IsWaveGate reports whether a gate of that name stands between waves.
func IsWaveGate(name string) bool { return strings.HasPrefix(name, wavePrefix) }

// turn is a host's part in the waves.
type turn struct {
	host  string
	guard desired.Guard
	// steps are those that wait for the turn; ends those after which the host is
	// done, but for the uncordon. empties: one of them needs the Node empty.
	steps, ends    []resource.Address
	empties, drain bool
	// unproven: an earlier run changed the host and did not see whether it works.
	unproven bool
	// ours: provision cordoned the Node in an earlier run.
	ours bool
	wave int
}

func (t *turn) uncordons() bool { return t.drain || t.ours }

// waves distributes the hosts: first what an earlier run left over or did not
// see through, then masters and etcd hosts one by one, then the canaries, then the other workers.
// Among these, those that are cordoned already go first, so that as few as
// possible are at once.
func waves(turns []*turn, bounds Rollout) []Wave {
	var list []Wave
	var rest, again, keepers, workers []*turn
	for _, t := range turns {
		switch {
		case len(t.steps) == 0:
			rest = append(rest, t)
		case t.unproven:
			again = append(again, t)
		case t.guard.Keeper:
			keepers = append(keepers, t)
		default:
			workers = append(workers, t)
		}
	}
	add := func(w Wave, members []*turn) {
		for _, t := range members {
			t.wave = len(list)
			w.Hosts = append(w.Hosts, t.host)
			if len(t.steps) > 0 && !t.empties {
				w.Pods = append(w.Pods, t.host)
			}
		}
		slices.Sort(w.Hosts)
		slices.Sort(w.Pods)
		list = append(list, w)
	}
	first := func(a, b *turn) int {
		if a.ours != b.ours && a.ours {
			return -1
		}
		if a.ours != b.ours {
			return 1
		}
		return cmp.Compare(a.host, b.host)
	}
	slices.SortFunc(keepers, first)
	slices.SortFunc(workers, first)
	if len(rest) > 0 {
		add(Wave{Rest: true}, rest)
	}
	slices.SortFunc(again, first)
	for _, t := range again {
		add(Wave{Again: true}, []*turn{t})
	}
	for _, t := range keepers {
		add(Wave{}, []*turn{t})
	}
	if canaries := min(max(bounds.Canary, 0), len(workers)); canaries > 0 && len(workers) > canaries {
		add(Wave{Canary: true}, workers[:canaries])
		workers = workers[canaries:]
	}
	for wave := range slices.Chunk(workers, max(bounds.MaxUnavailable, 1)) {
		add(Wave{}, wave)
	}
	return list
}
