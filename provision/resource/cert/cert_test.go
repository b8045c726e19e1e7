package cert

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/system"
	"provision/provision/internal/system/systemfake"
)

const plain = "/pki/a.crt"

func spec() Spec {
	return Spec{CA: "cluster", CommonName: "system:node:m1", Organizations: []string{"system:nodes"}, IPs: []string{"10.0.0.1"},
		Client: true, Life: 100 * time.Hour, RenewBefore: 10 * time.Hour, Key: "/pki/a.key"}
}

func open(t *testing.T, now *time.Time) *systemfake.Host {
	t.Helper()
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{Now: func() time.Time { return *now }})
	require.NoError(t, err)
	require.NoError(t, host.CA.Create("cluster"))
	return host
}

func issueOf(t *testing.T, host *systemfake.Host, want Spec) string {
	t.Helper()
	state, err := kind{}.Observe(t.Context(), host.System, plain, want)
	require.NoError(t, err)
	return state.Issue
}

func TestWhatNeedsANewCertificate(t *testing.T) {
	now := time.Now()
	host := open(t, &now)
	require.NoError(t, kind{}.Apply(t.Context(), host.System, plain, spec()))
	require.Empty(t, issueOf(t, host, spec()))
	changes := map[string]func(*Spec){
		"subject":   func(s *Spec) { s.CommonName = "other" },
		"groups":    func(s *Spec) { s.Organizations = nil },
		"names":     func(s *Spec) { s.DNSNames = []string{"m1"} },
		"addresses": func(s *Spec) { s.IPs = []string{"10.0.0.2"} },
		"usages":    func(s *Spec) { s.Server = true },
	}
	for name, change := range changes {
		want := spec()
		change(&want)
		assert.NotEmpty(t, issueOf(t, host, want), name)
		want.Adopt = true
		adopted := name == "names" || name == "addresses" || name == "usages"
		assert.Equal(t, adopted, issueOf(t, host, want) == "", "adopted, other %s", name)
	}
	now = now.Add(91 * time.Hour)
	assert.Contains(t, issueOf(t, host, spec()), "ends soon")
	now = now.Add(-91 * time.Hour)
	require.NoError(t, host.CA.Create("cluster"))
	assert.Contains(t, issueOf(t, host, spec()), "not issued by")
}

func TestBadAnswersAreNotWritten(t *testing.T) {
	now := time.Now()
	host := open(t, &now)
	require.NoError(t, kind{}.Apply(t.Context(), host.System, "/pki/other.crt", func() Spec { s := spec(); s.Key = "/pki/other.key"; return s }()))
	other, err := host.Files.ReadFile("/pki/other.crt")
	require.NoError(t, err)
	genuine := *host.CA
	answers := map[string]func(system.SignRequest) ([]byte, error){
		"junk":        func(system.SignRequest) ([]byte, error) { return []byte("junk"), nil },
		"another key": func(system.SignRequest) ([]byte, error) { return other, nil },
		"another use": func(r system.SignRequest) ([]byte, error) {
			r.Client, r.Server = false, true
			return genuine.Sign(t.Context(), r)
		},
		"too short": func(r system.SignRequest) ([]byte, error) {
			r.Life = time.Hour
			return genuine.Sign(t.Context(), r)
		},
	}
	for name, answer := range answers {
		host.CA.Answer = answer
		assert.Error(t, kind{}.Apply(t.Context(), host.System, plain, spec()), name)
		assert.NoFileExists(t, host.Root+plain, name)
		assert.NoFileExists(t, host.Root+"/pki/a.key", name)
	}
}

func TestTheKeyIsNotReadable(t *testing.T) {
	now := time.Now()
	host := open(t, &now)
	require.NoError(t, kind{}.Apply(t.Context(), host.System, plain, spec()))
	info, err := host.Files.Lstat("/pki/a.key")
	require.NoError(t, err)
	assert.Equal(t, uint32(0o600), info.Mode)
	combined := spec()
	combined.Key = "/pki/both.pem"
	require.NoError(t, kind{}.Apply(t.Context(), host.System, combined.Key, combined))
	info, err = host.Files.Lstat(combined.Key)
	require.NoError(t, err)
	assert.Equal(t, uint32(0o600), info.Mode)
}

func FuzzPair(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		cert, err := parseCert(content)
		assert.Equal(t, err == nil, cert != nil)
		key, err := parseKey(content)
		assert.Equal(t, err == nil, key != nil)
	})
}
