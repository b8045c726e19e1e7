package doctor_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"provision/provision/agent/api"
	"provision/provision/doctor"
)

const flanneld = "flanneld.service"

// pods are the ranges of hosts.
var pods = map[string]string{"m1": "10.32.0.0/24", "m2": "10.32.1.0/24", "m3": "10.32.2.0/24"}

// networked are hosts with pods and routes to ranges, all by name.
func networked(routes map[string][]api.Route, age time.Duration) doctor.Input {
	var hosts []doctor.Host
	for _, name := range []string{"m1", "m2", "m3"} {
		h := master(name)
		h.Wants = append(h.Wants, doctor.Want{Unit: flanneld, Component: "flannel", Routes: true})
		u := running(flanneld)
		u.Since = now.Add(-age)
		h.Health.Units = append(h.Health.Units, u)
		h.Health.Routes = routes[name]
		hosts = append(hosts, h)
	}
	in := input(hosts...)
	for i := range in.Nodes {
		in.Nodes[i].PodCIDRs = []string{pods[in.Nodes[i].Name]}
	}
	return in
}

func span(first, last string, bits int) api.Route {
	return api.Route{Bits: bits, First: netip.MustParseAddr(first), Last: netip.MustParseAddr(last)}
}

func TestAHostWithoutRoutesToPodsIsNamed(t *testing.T) {
	all := []api.Route{span("10.32.0.0", "10.32.2.255", 24)}
	wide := []api.Route{span("10.0.0.0", "10.255.255.255", 8)}
	without := func(name string) []api.Route { // but its neighbours
		return map[string][]api.Route{
			"m1": {span("10.32.1.0", "10.32.2.255", 24)},
			"m3": {span("10.32.0.0", "10.32.1.255", 24)},
		}[name]
	}
	cases := []struct {
		title  string
		routes map[string][]api.Route
		age    time.Duration
		want   map[string]string // first by ID
		says   string
	}{
		{title: "all there", routes: map[string][]api.Route{"m1": all, "m2": all, "m3": all}},
		{title: "one deleted", routes: map[string][]api.Route{"m1": all, "m2": without("m3"), "m3": all},
			want: map[string]string{"m2/no-routes": "systemctl restart " + flanneld}, says: "has no route to the pods of m3 (10.32.2.0/24)"},
		{title: "a wider route leads elsewhere", routes: map[string][]api.Route{"m1": all, "m2": wide, "m3": all},
			want: map[string]string{"m2/no-routes": "systemctl restart " + flanneld}, says: "has no route to the pods of m1 (10.32.0.0/24), m3 (10.32.2.0/24)"},
		{title: "nobody knows one", routes: map[string][]api.Route{"m1": all, "m2": without("m1"), "m3": without("m1")},
			want: map[string]string{"m1/no-routes": "systemctl restart " + flanneld}, says: "no other host has a route to its pods (10.32.0.0/24)"},
		{title: "not known", routes: map[string][]api.Route{"m1": all, "m3": all}},
		{title: "just started", routes: map[string][]api.Route{"m1": wide, "m2": wide, "m3": wide}, age: time.Second},
	}
	for _, c := range cases {
		t.Run(c.title, func(t *testing.T) {
			if c.age == 0 {
				c.age = time.Hour
			}
			got := map[string]string{}
			in := networked(c.routes, c.age)
			slices.Reverse(in.Nodes) // they come in any order
			for _, f := range doctor.Diagnose(in) {
				got[f.ID] = f.First
				assert.Equal(t, c.says, f.Summary)
				assert.Equal(t, doctor.Problem, f.Level)
				assert.NotEmpty(t, f.Cause)
				assert.Empty(t, f.Fix, "no apply fixes it")
			}
			if c.want == nil {
				c.want = map[string]string{}
			}
			assert.Equal(t, c.want, got)
		})
	}
}

// Without the API nobody can say which ranges there are; a network of other
// ways, and one whose service does not run, are judged otherwise.
func TestRoutesToPodsAreNotGuessed(t *testing.T) {
	none := []api.Route{span("10.0.0.0", "10.0.0.255", 24)}
	routes := map[string][]api.Route{"m1": none, "m2": none, "m3": none}
	for title, change := range map[string]func(*doctor.Input){
		"no API":          func(in *doctor.Input) { in.APIError = "refused" },
		"another network": func(in *doctor.Input) { each(in, func(h *doctor.Host) { h.Wants[len(h.Wants)-1].Routes = false }) },
		"stopped": func(in *doctor.Input) {
			each(in, func(h *doctor.Host) { h.Health.Units[len(h.Health.Units)-1].Active = "inactive" })
		},
		"other families": func(in *doctor.Input) {
			for i := range in.Nodes {
				in.Nodes[i].PodCIDRs = []string{"fd00::/64"}
			}
		},
	} {
		in := networked(routes, time.Hour)
		change(&in)
		for _, f := range doctor.Diagnose(in) {
			assert.NotEqual(t, "no-routes", f.What, title)
		}
	}
}

func each(in *doctor.Input, change func(*doctor.Host)) {
	for i := range in.Hosts {
		change(&in.Hosts[i])
	}
}
