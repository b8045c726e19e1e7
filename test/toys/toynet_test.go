package toys_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/cluster"
	"provision/provision/inventory"
	"provision/provision/plan"
)

const conf = "/etc/toynet/toynet.conf"

const another = "host \"n2\" {\n  address = \"10.200.1.2\"\n  roles = [\"node\"]\n}\n"

func TestAPodNetworkFromItsPlanToAnother(t *testing.T) {
	inv := load(t, site{network: `plugin "toy" {}`})
	f := boot(t, inv)
	apply(t, f, inv)
	for _, host := range []string{"m1", "n1"} {
		assert.Contains(t, f.Host(host).Read(conf), "colour red\nport 7800\n")
		assert.Contains(t, f.Host(host).Read("/etc/cni/net.d/10-toy.conflist"), `"subnet": "10.32.`)
		assert.Empty(t, f.Host(host).Read("/usr/local/bin/flanneld"), "one network is enough")
	}
	role := cluster.Ref{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole", Name: "provision:toynet"}
	assert.NotNil(t, f.API.Object(role))
	settled(t, f, inv)

	blue := load(t, site{network: "plugin \"toy\" {\n colour = var.colour\n}", rest: "variable \"colour\" { default = \"blue\" }\n"})
	p := look(t, f, blue)
	assert.Equal(t, plan.Restart, at(p, `n1/unit["toynetd.service"]`).Action)
	assert.NotNil(t, p.Waves, "it could take Nodes out of service")
	apply(t, f, blue)
	assert.Contains(t, f.Host("n1").Read(conf), "colour blue\n")
	settled(t, f, blue)

	grown := load(t, site{network: "plugin \"toy\" { colour = \"blue\" }", rest: another})
	require.NoError(t, f.Boot(grown))
	apply(t, f, grown)
	assert.Contains(t, f.Host("n2").Read(conf), "colour blue\n")
	apply(t, f, blue)
	assert.Empty(t, f.Host("n2").Read(conf), "it leaves with the Node")
	settled(t, f, blue)

	p = look(t, f, load(t, site{}))
	for address, action := range map[string]plan.Action{
		`n1/file["/etc/toynet/toynet.conf"]`: plan.Remove, `n1/file["/etc/cni/net.d/10-toy.conflist"]`: plan.Remove,
		`cluster/object["ClusterRole/provision:toynet"]`: plan.Remove, `n1/file["/etc/cni/net.d/10-flannel.conflist"]`: plan.Create,
	} {
		require.NotNil(t, at(p, address), address)
		assert.Equal(t, action, at(p, address).Action, address)
	}
}

// A change of networks is run, there and back.
func TestAPodNetworkGivesWayToAnotherAndBack(t *testing.T) {
	toy := load(t, site{network: `plugin "toy" {}`})
	f := boot(t, toy)
	apply(t, f, toy)
	f.Serving(toy) // API servers restart, and the run waits until they answer
	role := cluster.Ref{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole", Name: "provision:toynet"}
	const toyList, flannelList = "/etc/cni/net.d/10-toy.conflist", "/etc/cni/net.d/10-flannel.conflist"
	for _, step := range []struct {
		inv         *inventory.Inventory
		there, gone []string
	}{
		{load(t, site{}), []string{flannelList, "/usr/local/bin/flanneld"}, []string{conf, toyList, "/usr/local/bin/toynetd", "/etc/systemd/system/toynetd.service"}},
		{toy, []string{conf, toyList, "/usr/local/bin/toynetd", "/etc/systemd/system/toynetd.service"}, []string{flannelList, "/usr/local/bin/flanneld"}},
	} {
		apply(t, f, step.inv)
		for _, host := range []string{"m1", "n1"} {
			for _, name := range step.there {
				assert.NotEmpty(t, f.Host(host).Read(name), "%s on %s", name, host)
			}
			for _, name := range step.gone {
				assert.Empty(t, f.Host(host).Read(name), "%s on %s", name, host)
			}
		}
		assert.Equal(t, step.inv == toy, f.API.Object(role) != nil)
		settled(t, f, step.inv)
	}
}

func TestValidateJudgesAPodNetwork(t *testing.T) {
	for text, says := range map[string]string{
		`plugin "toys" {}`:                   `did you mean "toy"?`,
		`plugin "toy" { colour = "green" }`:  `"green" is not one of red, blue`,
		`plugin "toy" { color = "red" }`:     `did you mean "colour"?`,
		`plugin "toy" { colour = var.none }`: "There is no var.none",
	} {
		_, problems := parse(t, site{network: text}.text())
		require.True(t, problems.HasErrors(), text)
		assert.Contains(t, problems[0].Detail, says)
	}
}

// What a depot owns is judged with everything else, before any host is asked.
func TestValidateJudgesADepot(t *testing.T) {
	good := depots("", "s1")
	tests := map[string]struct {
		site site
		says []string
	}{
		"a port":            {depots("port = 70000", "s1"), []string{"65535"}},
		"a typing error":    {depots("keep_fre = 3", "s1"), []string{`did you mean "keep_free"?`}},
		"a bad value":       {depots("keep_free = 101", "s1"), []string{"from 0 to 100"}},
		"no block":          {site{depots: good.depots}, []string{"Host s1 has the role depot; say how depots work: depot {}."}},
		"a relative disk":   {site{rest: good.rest, depots: map[string]string{"s1": "srv"}}, []string{"srv"}},
		"etcd":              {site{rest: good.rest + "etcd {\n depot { snapshots = 0 }\n}\n", depots: good.depots}, []string{"from 1 to 100"}},
		"a role, no disk":   {site{rest: good.rest + "host \"s2\" {\n  address = \"10.200.2.2\"\n  roles = [\"depot\"]\n}\n"}, []string{"Host s2 has the role depot and no depot block"}},
		"a disk, no role":   {site{rest: good.rest + "host \"n2\" {\n  address = \"10.200.2.2\"\n  roles = [\"node\"]\n  depot { disk = \"/srv/x\" }\n}\n"}, []string{"Host n2 has a depot block and not the role"}},
		"a role of nobody":  {site{rest: good.rest + "host \"s2\" {\n  address = \"10.200.2.2\"\n  roles = [\"depo\"]\n}\n"}, []string{`did you mean "depot"?`}},
		"two at once":       {site{rest: "depot { port = \"x\" }\n", depots: map[string]string{"s1": "srv"}}, []string{"number", "srv"}},
		"a secret in clear": {depots("keep_free = sensitive(3)", "s1"), []string{"cannot come from a sensitive variable"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, problems := parse(t, tc.site.text())
			require.Len(t, problems, len(tc.says), "%v", problems)
			for _, says := range tc.says {
				assert.True(t, slices.ContainsFunc(problems, func(d problem) bool { return strings.Contains(d.Detail, says) }), "%s: %v", says, problems)
			}
			assert.NotZero(t, problems[0].Places[0].Range.Start.Line)
		})
	}
	inv := load(t, site{rest: "variable \"n\" { default = 20 }\ndepot { keep_free = var.n + 1 }\netcd {\n depot { snapshots = 5 }\n}\n", depots: good.depots})
	f := boot(t, inv)
	apply(t, f, inv)
	assert.Equal(t, "disk /srv/s1\nport 7900\nkeep-free 21\nsnapshots 5\n", f.Host("s1").Read("/etc/depot/depot.conf"))
	version, err := inv.Version("depotd")
	require.NoError(t, err)
	assert.Equal(t, "1.4.0", version, "versions { depot } has its default from the catalogue's row")
}
