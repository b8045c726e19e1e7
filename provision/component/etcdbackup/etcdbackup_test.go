package etcdbackup_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/component"
	"provision/provision/component/componenttest"
	"provision/provision/component/etcdbackup"
	"provision/provision/etcd/backup/config"
	"provision/provision/etcd/backup/keep"
	"provision/provision/etcd/backup/target"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/file"
	"provision/provision/secret"
)

const recipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"

const hosts = `cluster "c" {}
host "e[1-3]" {
  address = "192.0.2.[1-3]"
  roles   = ["etcd"]
}
host "m1" {
  address = "192.0.2.11"
  roles   = ["master"]
}
host "n1" {
  address = "192.0.2.21"
  roles   = ["node"]
}
`

func load(t *testing.T, backup string) (*inventory.Inventory, string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "x.hcl")
	require.NoError(t, os.WriteFile(name, []byte(hosts+"etcd {\n"+backup+"\n}\n"), 0o600))
	inv, problems := inventory.Load(t.Context(), inventory.Options{
		Parts: []inventory.Part{etcdbackup.New()}, Paths: []string{name},
		Env: func(string) (string, bool) { return "hunter2", true },
	})
	var text []string
	for _, p := range problems {
		text = append(text, fmt.Sprint(p))
	}
	return inv, strings.Join(text, "\n")
}

func block(body string) string {
	return fmt.Sprintf("backup {\nrecipients = [%q]\n%s\n}", recipient, body)
}

const local = "target \"local\" {\nhosts = [\"e1\", \"e3\"]\npath = \"/var/backups/etcd\"\n}\n"

const s3 = `target "s3" {
endpoint = "https://s3.dc1:9000"
bucket = "etcd"
prefix = "/dc1/"
ca = "-----BEGIN\nCERT\n"
access_key = sensitive(env("K"))
secret_key = sensitive(env("S"))
}
`

const sftp = `target "sftp" {
address = "backup.dc1"
user = "etcd"
path = "/srv/etcd"
host_key = "SHA256:abc"
key = sensitive("-----BEGIN\nhunter2\n")
}
`

func TestSettings(t *testing.T) {
	inv, problems := load(t, block("schedule = \"daily\"\nmax_age = \"26h\"\nkeep {\nlast = 2\n}\n"+local+s3+sftp))
	require.Empty(t, problems)
	s := etcdbackup.SettingsOf(inv)
	assert.True(t, s.Enabled)
	assert.Equal(t, "daily", s.Schedule)
	assert.Equal(t, 26*time.Hour, s.MaxAge)
	assert.Equal(t, 10*time.Minute, s.Spread)
	assert.Equal(t, keep.Policy{Last: 2, Daily: 7, Weekly: 4, Monthly: 6}, s.Keep)
	list := etcdbackup.Targets(inv)
	require.Len(t, list, 4)
	assert.Equal(t, target.Spec{Name: "local/e1", Local: &target.Local{Host: "e1", Address: "192.0.2.1:2382", Path: "/var/backups/etcd"}}, list[0])
	assert.Equal(t, "local/e3", list[1].Name)
	assert.Equal(t, "dc1", list[2].S3.Prefix)
	assert.Equal(t, "hunter2", list[2].S3.SecretKey.Reveal())
	assert.True(t, list[2].S3.PathStyle)
	assert.Equal(t, "backup.dc1:22", list[3].SFTP.Address)
	assert.Equal(t, "-----BEGIN\nhunter2\n", list[3].SFTP.Key.Reveal())
	assert.Equal(t, "-----BEGIN\nCERT\n", list[2].S3.CA)
	assert.NotContains(t, fmt.Sprintf("%+v %#v", s, s), "hunter2")

	inv, problems = load(t, "")
	require.Empty(t, problems)
	assert.False(t, etcdbackup.SettingsOf(inv).Enabled)
}

func TestWhatIsRefused(t *testing.T) {
	for want, given := range map[string]string{
		"recipients":                   "backup {\n" + local + "}",
		"encrypted or not taken":       "backup {\nrecipients = []\n" + local + "}",
		"is not a recipient of age":    "backup {\nrecipients = [\"age1x\"]\n" + local + "}",
		"A backup needs a place":       block(""),
		"is no calendar of a backup":   block("schedule = \"soon\"\n" + local),
		"is not a duration":            block("max_age = \"long\"\n" + local),
		"There is no host e9":          block("target \"local\" {\nhosts = [\"e9\"]\npath = \"/b\"\n}"),
		"Host m1 is no etcd host":      block("target \"local\" {\nhosts = [\"m1\"]\npath = \"/b\"\n}"),
		"Invalid path":                 block("target \"local\" {\nhosts = [\"e1\"]\npath = \"backups\"\n}"),
		"needs hosts, path":            block("target \"local\" {\n}"),
		"keeps backups already":        block(local + "target \"local\" {\nname = \"x\"\nhosts = [\"e1\"]\npath = \"/b\"\n}"),
		"There is no target of kind":   block("target \"ftp\" {\n}"),
		"needs access_key, secret_key": block("target \"s3\" {\nendpoint = \"https://s\"\nbucket = \"b\"\n}"),
		"is not https://HOST[:PORT]":   block(strings.Replace(s3, "https://s3.dc1:9000", "s3.dc1", 1)),
		"does not lead to a place":     block(strings.Replace(s3, "/dc1/", "../..", 1)),
		"Two targets called":           block(s3 + s3),
		"is no fingerprint":            block(strings.Replace(sftp, "SHA256:abc", "ssh-ed25519 AAAA", 1)),
		"takes secrets only":           block(strings.Replace(s3, `sensitive(env("K"))`, `"plain"`, 1)),
	} {
		_, problems := load(t, given)
		assert.Contains(t, problems, want)
		assert.NotContains(t, problems, "hunter2")
	}
}

func wanted(t *testing.T, c *component.Cluster, host string) map[string]resource.Resource {
	t.Helper()
	h, ok := c.Inventory.Host(host)
	require.True(t, ok)
	list := map[string]resource.Resource{}
	if !etcdbackup.New().Runs(c, h) {
		return list
	}
	resources, err := etcdbackup.New().Desired(c, h)
	require.NoError(t, err)
	for _, r := range resources {
		list[r.Address.ID()] = r
	}
	return list
}

func TestWhoGetsWhat(t *testing.T) {
	c := componenttest.New("apart",
		componenttest.Host("e1", "192.0.2.1", inventory.RoleEtcd), componenttest.Host("e2", "192.0.2.2", inventory.RoleEtcd),
		componenttest.Host("m1", "192.0.2.11", inventory.RoleMaster), componenttest.Host("n1", "192.0.2.21", inventory.RoleNode))
	for _, host := range []string{"e1", "e2", "m1", "n1"} {
		assert.Empty(t, wanted(t, c, host), "without a block nobody backs up")
	}
	assert.Empty(t, etcdbackup.New().Artifacts(c))
	c.Inventory.Settings = map[string]any{etcdbackup.Name: etcdbackup.Settings{Enabled: true, Schedule: "hourly", Spread: time.Minute, Recipients: []string{recipient},
		Targets: []target.Spec{{Name: "local/e1", Local: &target.Local{Host: "e1", Path: "/kept"}}, {Name: "s3", S3: &target.S3{SecretKey: secret.OnWire(secret.New("hunter2"))}}}}}
	require.Len(t, etcdbackup.New().Artifacts(c), 1)
	socket, timer := `unit["`+etcdbackup.Socket+`"]`, `unit["`+etcdbackup.Timer+`"]`
	for host, has := range map[string][3]bool{"e1": {true, true, true}, "e2": {true, false, true}, "m1": {true, false, false}} {
		list := wanted(t, c, host)
		_, there := list[socket]
		assert.Equal(t, has[1], there, host)
		assert.Contains(t, list, timer)
		var spec file.Spec
		r := list[`file["`+config.Path+`"]`]
		require.NoError(t, json.Unmarshal(r.Spec, &spec))
		assert.EqualValues(t, 0o600, spec.Attr.Mode)
		read, err := config.Parse(spec.Secret.Bytes())
		require.NoError(t, err)
		assert.Equal(t, has[2], read.DataDir != "", host)
		assert.Equal(t, has[1], read.Receiver != nil, host)
		assert.Equal(t, "hunter2", read.Targets[1].S3.SecretKey.Reveal())
		assert.Equal(t, map[string]string{"e1": "https://192.0.2.1:2379", "e2": "https://192.0.2.2:2379"}, read.Endpoints)
		if host == "m1" {
			assert.Contains(t, read.Items, "encryption.yaml")
			assert.Equal(t, "/etc/kubernetes/pki/apiserver-etcd-client.crt", read.Pair.Cert)
		} else {
			assert.Equal(t, []string{"etcd.crt", "etcd.key"}, read.Items)
		}
		for id, r := range list {
			assert.NotContains(t, id, "/kept", "backups are nobody's to remove")
			assert.NotContains(t, string(r.Spec), "hunter2")
		}
	}
	assert.Empty(t, wanted(t, c, "n1"))
}
