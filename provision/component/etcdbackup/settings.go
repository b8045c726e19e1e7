package etcdbackup

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"

	"provision/provision/diag"
	"provision/provision/etcd/backup/calendar"
	"provision/provision/etcd/backup/keep"
	"provision/provision/etcd/backup/seal"
	"provision/provision/etcd/backup/target"
	"provision/provision/inventory"
	"provision/provision/secret"
)

// Kinds of targets.
const (
	Local = "local"
	S3    = "s3"
	SFTP  = "sftp"
)

// Settings are what the inventory says of backups; the zero Settings say that
// there are none.
type Settings struct {
	Enabled    bool
	Schedule   string
	Spread     time.Duration
	MaxAge     time.Duration
	Recipients []string
	Scratch    string
	Metrics    string // folder of node_exporter's textfile collector
	Keep       keep.Policy
	// Targets in the order of the inventory; one of kind local for each host,
	// still without address.
	Targets []target.Spec

	places map[string]hcl.Range // of local targets, by host
}

// hidden is a decoded secret: no verb shows it.
type hidden string

// Format implements fmt.Formatter.
func (hidden) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("(sensitive)")) }

func (h hidden) wire() secret.Wire { return secret.OnWire(secret.New(string(h))) }

type blocks struct {
	Etcd *struct {
		Backup *block `hcl:"backup,block" doc:"Backups of etcd; none without it."`
	} `hcl:"etcd,block"`
}

type block struct {
	Schedule   string        `hcl:"schedule,optional" default:"\"*-*-* 00/6:00:00\"" doc:"When backups are due, in UTC: the part of systemd's calendar with *, lists, a..b and a/n; or hourly, daily, weekly, monthly."`
	Spread     string        `hcl:"spread,optional" kind:"duration" default:"\"10m\"" doc:"Each host starts at a time of its own within so long after that."`
	MaxAge     string        `hcl:"max_age,optional" default:"\"13h\"" doc:"How old the newest verified backup may be before status and doctor warn."`
	Recipients []string      `hcl:"recipients" doc:"Public keys of age (age1…) of those who can open backups; their identities are never on a host."`
	Scratch    string        `hcl:"scratch,optional" kind:"absolute path" doc:"Where a backup is proven, best not on etcd's file system; a folder of its own is made there. A place with room is chosen when it is not given."`
	Metrics    string        `hcl:"metrics,optional" kind:"absolute path" default:"\"/var/lib/prometheus/node-exporter\"" doc:"Folder of node_exporter's textfile collector."`
	Keep       *keepBlock    `hcl:"keep,block" doc:"How many backups stay at each target."`
	Targets    []targetBlock `hcl:"target,block" doc:"A place for backups: local (folders on etcd hosts), s3 or sftp."`
	Body       hcl.Body      `hcl:",remain"`
}

type keepBlock struct {
	Last    int `hcl:"last,optional" kind:"1..10000" default:"4" doc:"The newest ones."`
	Hourly  int `hcl:"hourly,optional" kind:"0..10000" default:"0" doc:"The last of each of so many hours."`
	Daily   int `hcl:"daily,optional" kind:"0..10000" default:"7" doc:"The last of each of so many days."`
	Weekly  int `hcl:"weekly,optional" kind:"0..10000" default:"4" doc:"The last of each of so many weeks."`
	Monthly int `hcl:"monthly,optional" kind:"0..10000" default:"6" doc:"The last of each of so many months."`
}

type targetBlock struct {
	Kind    string   `hcl:"kind,label"`
	Name    string   `hcl:"name,optional" doc:"What it is called; its kind when not given."`
	Hosts   []string `hcl:"hosts,optional" doc:"local: etcd hosts that keep a copy each."`
	Path    string   `hcl:"path,optional" kind:"absolute path" doc:"local, sftp: the folder."`
	Address string   `hcl:"address,optional" doc:"sftp: the server, HOST or HOST:PORT."`
	User    string   `hcl:"user,optional" doc:"sftp: whom to log in as."`
	HostKey string   `hcl:"host_key,optional" doc:"sftp: fingerprint of the server's key, SHA256:…, as ssh-keygen -l prints it."`
	Login   hidden   `hcl:"key,optional" kind:"text" secret:"true" doc:"sftp: private key of the user, OpenSSH's format without passphrase."`

	Endpoint  string   `hcl:"endpoint,optional" doc:"s3: https://HOST[:PORT]."`
	Bucket    string   `hcl:"bucket,optional" doc:"s3: the bucket; it must exist."`
	Prefix    string   `hcl:"prefix,optional" doc:"s3: where in the bucket; nothing outside is looked at."`
	Region    string   `hcl:"region,optional" default:"\"us-east-1\"" doc:"s3: its region."`
	PathStyle bool     `hcl:"path_style,optional" default:"true" doc:"s3: the bucket is in the path, not in the host's name."`
	CA        string   `hcl:"ca,optional" kind:"text" doc:"s3: certificates of the server's authority, PEM; the host's own authorities when not given."`
	Proxy     string   `hcl:"proxy,optional" doc:"s3: http://HOST:PORT of a proxy."`
	AccessKey hidden   `hcl:"access_key,optional" secret:"true" doc:"s3: name of the credentials."`
	SecretKey hidden   `hcl:"secret_key,optional" secret:"true" doc:"s3: the credentials."`
	Body      hcl.Body `hcl:",remain"`
}

// Blocks implements inventory.Configured.
func (etcdbackup) Blocks() any { return blocks{} }

// Decode implements inventory.Configured: Settings.
func (etcdbackup) Decode(body hcl.Body) (any, hcl.Diagnostics) {
	given := blocks{}
	problems := gohcl.DecodeBody(body, nil, &given)
	if given.Etcd == nil || given.Etcd.Backup == nil || problems.HasErrors() {
		return Settings{}, problems
	}
	d := decoding{problems: problems, Settings: Settings{Enabled: true, places: map[string]hcl.Range{}}}
	d.read(*given.Etcd.Backup)
	return d.Settings, d.problems
}

// SettingsOf are those of an inventory.
func SettingsOf(inv *inventory.Inventory) Settings {
	return inventory.Settings[Settings](inv, etcdbackup{})
}

type decoding struct {
	Settings
	problems hcl.Diagnostics
}

func (d *decoding) refuse(at hcl.Range, summary, format string, args ...any) {
	d.problems = append(d.problems, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: &at})
}

func (d *decoding) read(b block) {
	d.Schedule, d.Scratch, d.Metrics, d.Recipients = b.Schedule, b.Scratch, path.Clean(b.Metrics), b.Recipients
	if _, err := calendar.Parse(b.Schedule); err != nil {
		d.refuse(inventory.At(b.Body, "schedule"), "Invalid schedule", "%s.", err)
	}
	d.Spread, _ = time.ParseDuration(b.Spread) // the loader has checked it
	var err error
	if d.MaxAge, err = time.ParseDuration(b.MaxAge); err != nil || d.MaxAge <= 0 {
		d.refuse(inventory.At(b.Body, "max_age"), "Invalid max_age", "%q is not a duration; write it as 13h.", b.MaxAge)
	}
	if _, err := seal.Recipients(b.Recipients); err != nil {
		d.refuse(inventory.At(b.Body, "recipients"), "Invalid recipients", "A backup holds all Secrets of the cluster, so it is encrypted or not taken: %s.", err)
	}
	d.Keep = keep.Policy{Last: 4, Daily: 7, Weekly: 4, Monthly: 6}
	if b.Keep != nil {
		d.Keep = keep.Policy(*b.Keep)
	}
	if len(b.Targets) == 0 {
		d.refuse(b.Body.MissingItemRange(), "No target", "A backup needs a place: add a block target \"local\", \"s3\" or \"sftp\".")
	}
	seen := map[string]bool{}
	for _, t := range b.Targets {
		if t.Name == "" {
			t.Name = t.Kind
		}
		if seen[t.Name] || strings.ContainsAny(t.Name, "/\" \n\\") {
			d.refuse(inventory.At(t.Body, "name"), "Invalid name of a target", "Two targets called %q, or a name that is no word: give each a name of its own, as name = \"east\".", t.Name)
		}
		seen[t.Name] = true
		d.target(t)
	}
}

// needs refuses attributes that a kind of target lacks.
func (d *decoding) needs(t targetBlock, attributes map[string]bool) bool {
	var missing []string
	for name, there := range attributes {
		if !there {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		d.refuse(t.Body.MissingItemRange(), "Missing attribute", "A target of kind %q needs %s.", t.Kind, strings.Join(missing, ", "))
	}
	return len(missing) == 0
}

func (d *decoding) target(t targetBlock) {
	switch t.Kind {
	case Local:
		d.local(t)
	case S3:
		if d.needs(t, map[string]bool{"endpoint": t.Endpoint != "", "bucket": t.Bucket != "", "access_key": t.AccessKey != "", "secret_key": t.SecretKey != ""}) {
			d.s3(t)
		}
	case SFTP:
		if d.needs(t, map[string]bool{"address": t.Address != "", "user": t.User != "", "path": t.Path != "", "host_key": t.HostKey != "", "key": t.Login != ""}) {
			d.sftp(t)
		}
	default:
		d.refuse(t.Body.MissingItemRange(), "Unknown kind of target", "There is no target of kind %q; the kinds are local, s3 and sftp.", t.Kind)
	}
}

func (d *decoding) local(t targetBlock) {
	if !d.needs(t, map[string]bool{"hosts": len(t.Hosts) > 0, "path": t.Path != ""}) {
		return
	}
	for i, host := range t.Hosts {
		if _, twice := d.places[host]; twice || slices.Contains(t.Hosts[:i], host) {
			d.refuse(inventory.At(t.Body, "hosts"), "Host named twice", "Host %s keeps backups already; a host has one folder of them.", host)
			continue
		}
		d.places[host] = inventory.At(t.Body, "hosts")
		d.Targets = append(d.Targets, target.Spec{Name: t.Name + "/" + host, Local: &target.Local{Host: host, Path: path.Clean(t.Path)}})
	}
}

func (d *decoding) s3(t targetBlock) {
	u, err := url.Parse(t.Endpoint)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.User != nil {
		d.refuse(inventory.At(t.Body, "endpoint"), "Invalid endpoint", "%q is not https://HOST[:PORT].", t.Endpoint)
	}
	if proxy, err := url.Parse(t.Proxy); t.Proxy != "" && (err != nil || proxy.Host == "") {
		d.refuse(inventory.At(t.Body, "proxy"), "Invalid proxy", "%q is not http://HOST:PORT.", t.Proxy)
	}
	prefix := strings.Trim(t.Prefix, "/")
	if prefix != "" && target.CheckName(prefix) != nil {
		d.refuse(inventory.At(t.Body, "prefix"), "Invalid prefix", "%q does not lead to a place in the bucket.", t.Prefix)
	}
	d.Targets = append(d.Targets, target.Spec{Name: t.Name, S3: &target.S3{
		Endpoint: t.Endpoint, Bucket: t.Bucket, Prefix: prefix, Region: t.Region, PathStyle: t.PathStyle, CA: t.CA, Proxy: t.Proxy,
		AccessKey: t.AccessKey.wire(), SecretKey: t.SecretKey.wire(),
	}})
}

func (d *decoding) sftp(t targetBlock) {
	if !strings.HasPrefix(t.HostKey, "SHA256:") {
		d.refuse(inventory.At(t.Body, "host_key"), "Invalid host key", "%q is no fingerprint; write SHA256:…, as ssh-keygen -l -f prints it of the server's key.", t.HostKey)
	}
	address := t.Address
	if !strings.Contains(address, ":") {
		address += ":22"
	}
	d.Targets = append(d.Targets, target.Spec{Name: t.Name, SFTP: &target.SFTP{
		Address: address, User: t.User, Path: path.Clean(t.Path), HostKey: t.HostKey, Key: t.Login.wire(),
	}})
}

// Judge implements inventory.Judge: folders are on etcd hosts, which have the
// certificates to take in what others store there.
func (etcdbackup) Judge(inv *inventory.Inventory) diag.List {
	var problems diag.List
	for name, at := range SettingsOf(inv).places {
		h, known := inv.Host(name)
		switch {
		case !known:
			problems = append(problems, diag.Errorf(at, "Unknown host of a target", "There is no host %s.", name))
		case !h.Has(inventory.RoleEtcd):
			problems = append(problems, diag.Errorf(at, "Unknown host of a target", "Host %s is no etcd host, and only those keep backups in folders; use a target \"sftp\" for it.", name))
		}
	}
	return problems
}
