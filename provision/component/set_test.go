package component_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/component"
	"provision/provision/component/componenttest"
	"provision/provision/resource/residue"
)

// A unit that nothing starts at boot is refused while its component is written.
func TestAServiceSaysWhatStartsItAtBoot(t *testing.T) {
	const service = "[Service]\nExecStart=/bin/true\n"
	for text, ok := range map[string]bool{
		service: false, service + "[Install]\n": false, service + "# [Install]\nWantedBy=x.target\n": false,
		service + "WantedBy=multi-user.target\n": false, service + "[Install]\nWantedBy=\n": false,
		service + "[Install]\nWantedBy=multi-user.target\n":             true,
		service + "\n[Install]\nAlias=y.service\nRequiredBy=x.target\n": true,
		"[Install]\nWantedBy=timers.target\n[Timer]\n":                  true,
	} {
		c := componenttest.Lab()
		host, _ := c.Inventory.Host("n1")
		s := component.NewSet(c, host, "x")
		s.Service("x.service", text)
		_, err := s.Done()
		if ok {
			require.NoError(t, err, text)
			continue
		}
		require.ErrorContains(t, err, "unit x.service of component x would not start after a boot", text)
	}
}

// What fills a folder after its component began is the component's own, and goes
// with it: so the traces are noted before.
func TestTracesAreNotedBeforeAllElse(t *testing.T) {
	c := componenttest.Lab()
	host, _ := c.Inventory.Host("n1")
	s := component.NewSet(c, host, "x")
	early := s.Dir("/etc/x.d", 0o755)
	s.Dir("/var/lib/x", 0o755)
	traces := s.Add(residue.New("n1", "x", residue.Spec{Paths: []string{"/var/lib/x"}}).After(early))
	s.File("/etc/x.conf", "a", 0o644)
	list, err := s.Done()
	require.NoError(t, err)
	for _, r := range list {
		if r.Address == traces || r.Address == early {
			assert.NotContains(t, r.Requires, traces, "%s would wait for itself", r.Address)
			continue
		}
		assert.Contains(t, r.Requires, traces, "%s", r.Address)
	}
}
