package upgrade

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func v(t require.TestingT, text string) Version {
	parsed, err := Parse(text)
	require.NoError(t, err)
	return parsed
}

// host has the versions of its programs in the order of Programs; "" for none.
func host(t require.TestingT, name string, programs ...string) Host {
	h := Host{Name: name, Programs: map[string]Version{}}
	for i, text := range programs {
		if text != "" {
			h.Programs[Programs()[i]] = v(t, text)
		}
	}
	return h
}

func master(t require.TestingT, name, version string) Host {
	return host(t, name, "", version, version, version, version, version)
}

func node(t require.TestingT, name, version string) Host {
	return host(t, name, "", "", "", "", version, version)
}

func member(t require.TestingT, name, version string) Host { return host(t, name, version) }

// The rules are those of https://kubernetes.io/releases/version-skew-policy/ and
// https://etcd.io/docs/v3.8/upgrades/upgrading-etcd/; the comments quote them.
func TestPolicy(t *testing.T) {
	one := func(h ...Host) []Host { return h }
	for name, c := range map[string]struct {
		before, after []Host
		refused       string // "" when it is allowed
	}{
		"a patch release, and back": {one(master(t, "m1", "1.37.1"), node(t, "w1", "1.37.1")), one(master(t, "m1", "1.37.2"), node(t, "w1", "1.37.2")), ""},
		"back to a patch release":   {one(master(t, "m1", "1.37.2"), node(t, "w1", "1.37.2")), one(master(t, "m1", "1.37.1"), node(t, "w1", "1.37.1")), ""},
		"the next minor release":    {one(master(t, "m1", "1.36.4"), node(t, "w1", "1.36.4")), one(master(t, "m1", "1.37.1"), node(t, "w1", "1.37.1")), ""},

		// "newest and oldest kube-apiserver instances must be within one minor"
		"a minor release is skipped":           {one(master(t, "m1", "1.35.0")), one(master(t, "m1", "1.37.1")), "skips 1 minor"},
		"two API servers within one minor":     {one(master(t, "m1", "1.36.4"), master(t, "m2", "1.37.1")), one(master(t, "m1", "1.37.1"), master(t, "m2", "1.37.1")), ""},
		"two API servers two minors apart":     {one(host(t, "m1", "", "1.36.4"), host(t, "m2", "", "1.35.1")), one(host(t, "m1", "", "1.37.1"), host(t, "m2", "", "1.36.4")), "within one minor release"},
		"an API server back to an older minor": {one(master(t, "m1", "1.37.1")), one(master(t, "m1", "1.36.4")), "cannot downgrade a control plane"},

		// "kubelet must not be newer than kube-apiserver"
		"a kubelet before the API server": {one(master(t, "m1", "1.36.4"), node(t, "w1", "1.36.4")), one(master(t, "m1", "1.36.4"), node(t, "w1", "1.37.1")), "kubelet 1.37.1 of w1 would be newer"},
		// "If kube-apiserver instances are at 1.37 and 1.36, kubelet 1.37 is not
		// supported, because that would be newer than the instance at 1.36"
		"a kubelet before the last API server": {one(master(t, "m1", "1.37.1"), master(t, "m2", "1.36.4"), node(t, "w1", "1.36.4")), one(master(t, "m1", "1.37.1"), master(t, "m2", "1.36.4"), node(t, "w1", "1.37.1")), "w1 would be newer than an API server of version 1.36.4"},
		// "kubelet may be up to three minor versions older than kube-apiserver"
		"API servers three ahead of a kubelet": {one(master(t, "m1", "1.36.4"), node(t, "w1", "1.34.0")), one(master(t, "m1", "1.37.1"), node(t, "w1", "1.34.0")), ""},
		"API servers four ahead of a kubelet":  {one(master(t, "m1", "1.36.4"), node(t, "w1", "1.33.0")), one(master(t, "m1", "1.37.1"), node(t, "w1", "1.33.0")), "kubelet 1.33.0 of w1 would be 4 minor releases older"},
		// API servers come first, so this one would meet an old kubelet for a while.
		"API servers four ahead on the way": {one(master(t, "m1", "1.36.4"), node(t, "w1", "1.33.0")), one(master(t, "m1", "1.37.1"), node(t, "w1", "1.37.1")), "kubelet 1.33.0 of w1 would be 4 minor releases older"},
		"kubelets skip minor releases":      {one(master(t, "m1", "1.37.1"), node(t, "w1", "1.34.0")), one(master(t, "m1", "1.37.1"), node(t, "w1", "1.37.1")), ""},
		"kubelets go back a minor release":  {one(master(t, "m1", "1.37.1"), node(t, "w1", "1.37.1")), one(master(t, "m1", "1.37.1"), node(t, "w1", "1.36.4")), ""},
		"kubelets go back four":             {one(master(t, "m1", "1.37.1"), node(t, "w1", "1.37.1")), one(master(t, "m1", "1.37.1"), node(t, "w1", "1.33.0")), "4 minor releases older"},

		// "kube-controller-manager, kube-scheduler … must not be newer than the
		// kube-apiserver instances they communicate with", "up to one minor older"
		"a scheduler before its API server": {one(master(t, "m1", "1.36.4")), one(host(t, "m1", "", "1.36.4", "1.36.4", "1.37.1")), "kube-scheduler 1.37.1 of m1 would be newer"},
		"a scheduler two behind":            {one(host(t, "m1", "", "1.36.4", "1.36.4", "1.35.1")), one(host(t, "m1", "", "1.37.1", "1.37.1", "1.35.1")), "2 minor releases older"},
		"a manager meets its own only":      {one(master(t, "m1", "1.37.1"), master(t, "m2", "1.36.4")), one(master(t, "m1", "1.37.1"), host(t, "m2", "", "1.37.1", "1.37.1", "1.37.1", "1.36.4", "1.36.4")), ""},

		// "kube-proxy must not be newer than kube-apiserver", "up to three older"
		"a proxy before the API server": {one(master(t, "m1", "1.36.4"), host(t, "w1", "", "", "", "", "", "1.36.4")), one(master(t, "m1", "1.36.4"), host(t, "w1", "", "", "", "", "", "1.37.1")), "kube-proxy 1.37.1 of w1 would be newer"},

		// "Upgrading one minor version at a time"; "skip … not supported"
		"etcd to the next minor":         {one(member(t, "e1", "3.6.5")), one(member(t, "e1", "3.7.3")), ""},
		"etcd skips a minor":             {one(member(t, "e1", "3.5.26")), one(member(t, "e1", "3.7.3")), "skips 1 minor"},
		"etcd back a patch":              {one(member(t, "e1", "3.7.3")), one(member(t, "e1", "3.7.1")), ""},
		"etcd back a minor":              {one(member(t, "e1", "3.7.3")), one(member(t, "e1", "3.6.5")), "restore the snapshot"},
		"etcd from an early 3.5":         {one(member(t, "e1", "3.5.21")), one(member(t, "e1", "3.6.5")), "3.5.26"},
		"etcd members two minors apart":  {one(member(t, "e1", "3.6.5"), member(t, "e2", "3.5.26")), one(member(t, "e1", "3.7.3"), member(t, "e2", "3.6.5")), "within one minor release"},
		"another major release":          {one(master(t, "m1", "1.37.1")), one(master(t, "m1", "2.0.0")), "skips"},
		"what is wrong already may stay": {one(master(t, "m1", "1.37.1"), node(t, "w1", "1.30.0")), one(master(t, "m1", "1.37.2"), node(t, "w1", "1.30.0")), "7 minor releases older than an API server of version 1.37.2"},
		"what is wrong already is fixed": {one(master(t, "m1", "1.37.1"), node(t, "w1", "1.30.0")), one(master(t, "m1", "1.37.1"), node(t, "w1", "1.37.1")), ""},
		"a kubelet of unknown version":   {one(master(t, "m1", "1.36.4"), Host{Name: "w1"}), one(master(t, "m1", "1.37.1"), Host{Name: "w1"}), ""},
		"a worker joins":                 {one(master(t, "m1", "1.37.1"), Host{Name: "w1"}), one(master(t, "m1", "1.37.1"), node(t, "w1", "1.37.1")), ""},
	} {
		t.Run(name, func(t *testing.T) {
			bad := Check(c.before, c.after)
			if c.refused == "" {
				assert.Empty(t, bad)
				return
			}
			require.NotEmpty(t, bad)
			assert.ErrorContains(t, bad[0], c.refused)
		})
	}
}

// Every state that an upgrade passes through, in the order that plans have, obeys
// the rules when Check allowed it.
func TestNoAllowedChangePassesThroughAForbiddenState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		version := func(name string, low, high int) string {
			return "1." + rapid.SampledFrom([]string{"33", "34", "35", "36", "37"}[low:high]).Draw(t, name) + ".1"
		}
		var before, after []Host
		to := version("to", 0, 5)
		for _, name := range []string{"m1", "m2"} {
			before, after = append(before, master(t, name, version(name, 2, 5))), append(after, master(t, name, to))
		}
		before, after = append(before, node(t, "w1", version("w1", 0, 5))), append(after, node(t, "w1", to))
		if len(skew(before, before)) > 0 || len(spread(before, before)) > 0 || len(Check(before, after)) > 0 {
			return
		}
		now := []Host{}
		for _, h := range before {
			now = append(now, Host{Name: h.Name, Programs: maps.Clone(h.Programs)})
		}
		for _, tier := range [][]string{{APIServer, ControllerManager, Scheduler}, {Kubelet, Proxy}} {
			for i := range now {
				for _, program := range tier {
					if is := after[i].Programs[program]; is.Known() {
						now[i].Programs[program] = is
					}
					// A manager is older than its server for a moment: one minor.
					require.Empty(t, skew(now, now), "%v", now)
					servers := versions(APIServer, now)
					require.LessOrEqual(t, servers[len(servers)-1].ahead(servers[0]), 1)
				}
			}
		}
	})
}
