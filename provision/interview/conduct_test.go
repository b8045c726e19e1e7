package interview

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/facts"
	"provision/provision/inventory"
)

// script is a console with answers by the beginning of the question, used up
// one after the other; a question without an answer gets an empty line.
type script struct {
	t       *testing.T
	answers map[string][]string
	said    strings.Builder
	limit   int // questions until the input ends, 0 for no end
	asked   int
}

func (s *script) Say(text string) { s.said.WriteString(text + "\n") }

func (s *script) Line(_ context.Context, question string) (string, error) {
	if s.asked++; s.asked == s.limit || s.asked > 60 {
		return "", io.EOF
	}
	s.said.WriteString(question)
	for begin, list := range s.answers {
		if strings.HasPrefix(question, begin) && len(list) > 0 {
			s.answers[begin] = list[1:]
			s.said.WriteString(list[0] + "\n")
			return list[0], nil
		}
	}
	s.said.WriteString("\n")
	return "", nil
}

// world answers tests of SSH by address.
type world struct {
	hosts   map[string]Report
	unknown map[string]bool
	probes  []string
}

func (w *world) Probe(_ context.Context, inv *inventory.Inventory) map[string]Result {
	results := map[string]Result{}
	for _, h := range inv.Hosts {
		a := h.Address.String()
		w.probes = append(w.probes, inv.SSH.User+"@"+a)
		r, ok := w.hosts[a]
		switch {
		case w.unknown[a]:
			results[h.Name] = Result{Unknown: true, Err: errors.New("host key unknown")}
		case !ok:
			results[h.Name] = Result{Err: errors.New("host unreachable: no \x1b[31mroute")}
		default:
			results[h.Name] = Result{Report: &r}
		}
	}
	return results
}

func (w *world) Keys(_ context.Context, inv *inventory.Inventory, names []string) map[string]Key {
	keys := map[string]Key{}
	for _, n := range names {
		h, _ := inv.Host(n)
		keys[n] = Key{Host: n, Type: "ssh-ed25519", Fingerprint: "SHA256:of-" + h.Address.String(),
			Write: func() (string, error) { delete(w.unknown, h.Address.String()); return "known_hosts", nil }}
	}
	return keys
}

func told(name, id string, cidrs ...string) Report {
	r := Report{Hostname: name, MachineID: id, OS: "Debian 12", Arch: "amd64", CPUs: 4, MemoryKiB: 8 << 20}
	for i, c := range cidrs {
		r.Addresses = append(r.Addresses, facts.Address{Interface: "eth" + string(rune('0'+i)), CIDR: c})
	}
	return r
}

func TestAWholeInterview(t *testing.T) {
	w := &world{unknown: map[string]bool{"10.0.0.11": true, "10.0.0.12": true, "10.0.0.13": true}, hosts: map[string]Report{
		"10.0.0.11": told("alpha", "1", "10.0.0.11/24"), "10.0.0.12": told("beta", "2", "10.0.0.12/24", "10.32.0.12/24"),
		"10.0.0.13": told("gamma", "3", "10.0.0.13/24"), "10.32.0.12": told("beta", "2", "10.0.0.12/24", "10.32.0.12/24"),
	}}
	c := &script{t: t, answers: map[string][]string{
		"Name of the cluster": {"", "Not A Name", "dc1"}, "Is it test": {"staging", "prod"}, "SSH user": {"bad user", "ops"},
		"SSH port": {"70000", "22"}, "Hosts": {"10.0.0.13, 10.0.0.11-12, 10.0.0.99"}, "More hosts": {"10.0.0.11", "oops oops", ""},
		"Is SHA256:of-10.0.0.13": {"yes"}, "Is SHA256:of-10.0.0.11": {"all"}, "10.0.0.99: retry": {"what", "drop"},
		"Its address": {"9", "2"}, "Role of": {"3", "3", "3", "1", "4", "2", "3"},
	}}
	d, err := Conduct(t.Context(), Options{Console: c, Ask: true, Prober: w, Resolve: lookUp})
	require.NoError(t, err, c.said.String())
	said := c.said.String()
	for _, want := range []string{"Invalid", "Type test or prod.", "given twice, counted once: 10.0.0.11", "SHA256:of-10.0.0.12",
		"Written to known_hosts.", "10.0.0.99       FAILED: host unreachable: no \ufffd[31mroute", "alpha: Debian 12, amd64, 4 CPUs, 8.0 GiB",
		"no host is a master", "2 members survive the loss of 0, and so do 1", "Hosts are in 10.32.0.0/12"} {
		assert.Contains(t, said, want)
	}
	inv, err := d.Inventory(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "dc1", inv.Cluster.Name)
	assert.Equal(t, "prod", inv.Cluster.Environment)
	assert.Equal(t, "ops", inv.SSH.User)
	assert.Equal(t, "10.128.0.0/12", inv.Network.Pods.String())
	var hosts []string
	for _, h := range inv.Hosts {
		hosts = append(hosts, strings.Join([]string{h.Name, h.Address.String(), roleText(h)}, " "))
	}
	assert.ElementsMatch(t, []string{"alpha 10.0.0.11 etcd,master", "gamma 10.0.0.13 master,node", "beta 10.32.0.12 node"}, hosts)
}

func roleText(h inventory.Host) string {
	var list []string
	for _, r := range h.Roles {
		list = append(list, string(r))
	}
	return strings.Join(list, ",")
}

func TestTheInputMayEndAtAnyQuestion(t *testing.T) {
	for limit := 1; ; limit++ {
		c := &script{t: t, limit: limit, answers: map[string][]string{"Name of": {"dc1"}, "Hosts": {"10.0.0.11"}}}
		_, err := Conduct(t.Context(), Options{Console: c, Ask: true, Prober: &world{hosts: map[string]Report{"10.0.0.11": told("a", "1")}}})
		if err == nil {
			assert.Greater(t, limit, 10)
			return
		}
		require.ErrorIs(t, err, io.EOF, "question %d", limit)
	}
}

func TestWithoutAPerson(t *testing.T) {
	yes := &world{hosts: map[string]Report{"10.0.0.11": told("a", "1"), "10.0.0.12": told("b", "2"), "10.0.0.21": told("c", "1")}}
	for _, tt := range []struct {
		name    string
		answers Answers
		prober  Prober
		want    string // "" for no error
	}{
		{"all defaults", Answers{Name: "dc1", Hosts: []string{"10.0.0.11"}}, nil, ""},
		{"tested", Answers{Name: "dc1", Masters: []string{"10.0.0.11-12"}, Nodes: []string{"10.0.0.12"}}, yes, ""},
		{"one machine twice", Answers{Name: "dc1", Hosts: []string{"10.0.0.11,21"}}, yes, "both have the machine-id 1"},
		{"no name", Answers{Hosts: []string{"10.0.0.11"}}, nil, "give --name"},
		{"no hosts", Answers{Name: "dc1"}, nil, "give --hosts"},
		{"no nodes", Answers{Name: "dc1", Masters: []string{"10.0.0.11"}}, nil, "no host is a node"},
		{"twice", Answers{Name: "dc1", Hosts: []string{"10.0.0.11"}, Nodes: []string{"10.0.0.11"}}, nil, "both roles already"},
		{"unreachable", Answers{Name: "dc1", Hosts: []string{"10.0.0.11-13"}}, yes, "cannot reach 1 of 3 hosts"},
		{"pods over hosts", Answers{Name: "dc1", Hosts: []string{"10.0.0.11"}, Pods: "10.0.0.0/8"}, nil, "share addresses"},
		{"services too small", Answers{Name: "dc1", Hosts: []string{"10.0.0.11"}, Services: "10.96.0.0/30"}, nil, "Services too small"},
		{"bad environment", Answers{Name: "dc1", Environment: "x", Hosts: []string{"10.0.0.11"}}, nil, "cannot take environment"},
		{"bad port", Answers{Name: "dc1", Port: 70000, Hosts: []string{"10.0.0.11"}}, nil, "cannot log in"},
		{"name of nobody", Answers{Name: "dc1", Hosts: []string{"10.0.0.11"}, HostNames: map[string]string{"10.0.0.12": "x"}}, nil, "none of the hosts'"},
		{"bad host name", Answers{Name: "dc1", Hosts: []string{"10.0.0.11"}, HostNames: map[string]string{"10.0.0.11": "A b"}}, nil, "Invalid host name"},
		{"etcd elsewhere", Answers{Name: "dc1", Hosts: []string{"10.0.0.11"}, Etcd: []string{"10.0.0.12"}}, nil, "none of the hosts"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &script{t: t, limit: 1}
			d, err := Conduct(t.Context(), Options{Console: c, Prober: tt.prober, Resolve: lookUp, Answers: tt.answers})
			assert.Zero(t, c.asked, "nobody is asked")
			if tt.want != "" {
				require.ErrorContains(t, err, tt.want)
				return
			}
			require.NoError(t, err)
			assert.NotEmpty(t, d.Hosts)
		})
	}
}

func TestFailuresAreSettled(t *testing.T) {
	w := &world{unknown: map[string]bool{"10.0.0.14": true}, hosts: map[string]Report{"10.0.0.21": told("a", "1"), "10.0.0.14": told("b", "2")}}
	c := &script{t: t, answers: map[string][]string{
		"Name of the": {"dc1"}, "Hosts": {"10.0.0.11-14"}, "Is SHA256": {"no", "no"},
		"10.0.0.11: retry": {"change"}, "Address instead": {"10.0.0.12", "10.0.0.21"}, "10.0.0.12: retry": {"login", "skip*"},
		"SSH user": {"root", "ops"},
	}}
	d, err := Conduct(t.Context(), Options{Console: c, Ask: true, Prober: w, Resolve: lookUp})
	require.NoError(t, err, c.said.String())
	assert.Equal(t, "ops", d.Login.User)
	assert.Contains(t, w.probes, "ops@10.0.0.21")
	assert.GreaterOrEqual(t, indexOf(d.Hosts, netip.MustParseAddr("10.0.0.21")), 0)
	assert.Contains(t, c.said.String(), "its key was not accepted")
	assert.Contains(t, c.said.String(), "A host has this address already.")
}

func TestReadAnswers(t *testing.T) {
	a, err := ReadAnswers(strings.NewReader(`{"name": "dc1", "hosts": ["10.0.0.11"], "sudo": false, "user": "ops"}`))
	require.NoError(t, err)
	a = a.Over(Answers{Name: "dc2", Port: 23})
	assert.Equal(t, "dc2", a.Name)
	assert.Equal(t, 23, a.Port)
	require.NotNil(t, a.Sudo)
	d, err := Conduct(t.Context(), Options{Console: &script{}, Answers: a})
	require.NoError(t, err)
	assert.Contains(t, string(Render(d)), "sudo = false")
	for bad, want := range map[string]string{
		`{"nam": "x"}`: `unknown field "nam"`, `{"name": "a"} {}`: "something follows", ``: "EOF", `[]`: "array",
		`{"name": "` + strings.Repeat("x", maxAnswers) + `"}`: "larger than",
	} {
		_, err := ReadAnswers(strings.NewReader(bad))
		assert.ErrorContains(t, err, want)
	}
}
