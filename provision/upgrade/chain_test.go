package upgrade

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func store(t require.TestingT, kubernetes, etcd []string) Known {
	known := Known{}
	for _, text := range kubernetes {
		known[APIServer] = append(known[APIServer], v(t, text))
	}
	for _, text := range etcd {
		known[Etcd] = append(known[Etcd], v(t, text))
	}
	return known
}

func TestChain(t *testing.T) {
	all := store(t, []string{"1.34.2", "1.35.1", "1.35.9", "1.36.0-rc.1", "1.36.4", "1.37.1"}, []string{"3.6.5", "3.7.3"})
	want := Hop{Kubernetes: "1.37.1", Etcd: "3.7.3"}
	for name, c := range map[string]struct {
		hosts      []Host
		unfinished bool
		want       Hop
		via        []string
		hops       []string // KUBERNETES/ETCD, and /KUBELET where it stays behind
	}{
		"a new cluster":             {nil, false, want, nil, []string{"1.37.1/3.7.3"}},
		"nothing to do":             {[]Host{master(t, "m1", "1.37.1")}, false, want, nil, []string{"1.37.1/3.7.3"}},
		"one minor release":         {[]Host{master(t, "m1", "1.36.0")}, false, want, nil, []string{"1.37.1/3.7.3"}},
		"several":                   {[]Host{master(t, "m1", "1.34.2")}, false, want, nil, []string{"1.35.9/3.7.3", "1.36.4/3.7.3", "1.37.1/3.7.3"}},
		"by the way that was named": {[]Host{master(t, "m1", "1.34.2")}, false, want, []string{"1.36.0-rc.1", "1.35.1"}, []string{"1.35.1/3.7.3", "1.36.0-rc.1/3.7.3", "1.37.1/3.7.3"}},
		"a hop that was begun":      {[]Host{master(t, "m1", "1.35.1"), master(t, "m2", "1.34.2")}, false, want, nil, []string{"1.35.1/3.7.3", "1.36.4/3.7.3", "1.37.1/3.7.3"}},
		"Nodes that lag":            {[]Host{master(t, "m1", "1.36.4"), node(t, "w1", "1.35.9")}, false, want, nil, []string{"1.36.4/3.7.3", "1.37.1/3.7.3"}},
		"a restart that is open":    {[]Host{master(t, "m1", "1.36.4")}, true, want, nil, []string{"1.36.4/3.7.3", "1.37.1/3.7.3"}},
		"the last hop, begun":       {[]Host{master(t, "m1", "1.37.1"), master(t, "m2", "1.36.4"), node(t, "w1", "1.36.4")}, false, want, nil, []string{"1.37.1/3.7.3"}},
		"etcd has the longer way":   {[]Host{master(t, "m1", "1.36.4"), member(t, "e1", "3.5.26")}, false, want, nil, []string{"1.37.1/3.6.5", "1.37.1/3.7.3"}},
		"both":                      {[]Host{master(t, "m1", "1.35.1"), member(t, "e1", "3.5.26")}, false, want, nil, []string{"1.36.4/3.6.5", "1.37.1/3.7.3"}},
		"back a minor release":      {[]Host{master(t, "m1", "1.37.1")}, false, Hop{Kubernetes: "1.36.4", Etcd: "3.7.3"}, nil, []string{"1.36.4/3.7.3"}},
		"Nodes that are to lag": {[]Host{master(t, "m1", "1.35.9"), node(t, "w1", "1.35.9")}, false, Hop{Kubernetes: "1.37.1", Etcd: "3.7.3", Kubelet: "1.35.9"}, nil,
			[]string{"1.36.4/3.7.3/1.35.9", "1.37.1/3.7.3/1.35.9"}},
		"Nodes that lag by a bit less": {[]Host{master(t, "m1", "1.34.2"), node(t, "w1", "1.34.2")}, false, Hop{Kubernetes: "1.37.1", Etcd: "3.7.3", Kubelet: "1.36.4"}, nil,
			[]string{"1.35.9/3.7.3", "1.36.4/3.7.3/1.36.4", "1.37.1/3.7.3/1.36.4"}},
	} {
		t.Run(name, func(t *testing.T) {
			hops, err := Chain(c.hosts, c.unfinished, c.want, c.via, all)
			require.NoError(t, err)
			var got []string
			for _, h := range hops {
				text := h.Kubernetes + "/" + h.Etcd
				if h.Kubelet != "" {
					text += "/" + h.Kubelet
				}
				got = append(got, text)
			}
			assert.Equal(t, c.hops, got)
		})
	}
}

func TestChainSaysWhatIsMissing(t *testing.T) {
	hosts := []Host{host(t, "m1", "3.5.26", "1.34.2")}
	_, err := Chain(hosts, false, Hop{Kubernetes: "1.37.1", Etcd: "3.7.3"}, nil, store(t, []string{"1.35.1", "1.36.0-beta.1"}, nil))
	require.ErrorContains(t, err, "the store has none of 1.36")
	require.ErrorContains(t, err, `via = ["1.36.0"]`)
	require.ErrorContains(t, err, "the store has none of 3.6")
	require.NotContains(t, err.Error(), "no release of 1.35")
	_, err = Chain(hosts, false, Hop{Kubernetes: "one", Etcd: "3.7.3"}, nil, nil)
	require.ErrorContains(t, err, "not a version")
}

// Wherever a run is cut off, the next one goes on from there and arrives.
func TestAChainIsResumedWhereverItIsCutOff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		known := store(t, []string{"1.34.2", "1.35.9", "1.36.4", "1.37.1"}, []string{"3.5.26", "3.6.5", "3.7.3"})
		now := []Host{host(t, "m1", "3.5.26", "1.34.2", "1.34.2", "1.34.2", "1.34.2", "1.34.2"),
			host(t, "m2", "3.5.26", "1.34.2", "1.34.2", "1.34.2", "1.34.2", "1.34.2"), node(t, "w1", "1.34.2")}
		want := Hop{Kubernetes: "1.37.1", Etcd: "3.7.3"}
		for runs := 0; ; runs++ {
			require.Less(t, runs, 60, "it arrives")
			hops, err := Chain(now, false, want, nil, known)
			require.NoError(t, err)
			next := apply(t, now, hops[0])
			require.Empty(t, Check(now, next), "%v", hops)
			// The run is cut off after some of its changes, in the order of plans.
			left := rapid.IntRange(1, 20).Draw(t, "changes")
			for _, program := range Programs() {
				for i := range now {
					if was, is := now[i].Programs[program], next[i].Programs[program]; was != is && left > 0 {
						now[i].Programs[program] = is
						left--
					}
				}
			}
			if len(hops) == 1 && left > 0 {
				break
			}
		}
		for _, h := range now {
			assert.Equal(t, v(t, "1.37.1"), h.Programs[Kubelet])
		}
	})
}

// apply is what hosts run after a hop.
func apply(t require.TestingT, hosts []Host, hop Hop) []Host {
	var list []Host
	for _, h := range hosts {
		done := Host{Name: h.Name, Programs: map[string]Version{}}
		for program := range h.Programs {
			switch program {
			case Etcd:
				done.Programs[program] = v(t, hop.Etcd)
			case Kubelet, Proxy:
				done.Programs[program] = v(t, hop.Nodes())
			default:
				done.Programs[program] = v(t, hop.Kubernetes)
			}
		}
		list = append(list, done)
	}
	return list
}
