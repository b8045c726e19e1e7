package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"provision/provision/etcd/backup/keep"
	"provision/provision/etcd/backup/target"
	"provision/provision/secret"
)

// Where things are on a host.
const (
	Dir    = "/etc/provision-etcd"
	Path   = Dir + "/config.json"
	Format = 1
	// StateDir is scratch where nothing else has more room, and keeps what waits
	// for a target that was down.
	StateDir = "/var/lib/provision-etcd"
	// MetricsFile is in the folder of node_exporter's textfile collector.
	MetricsFile = "provision_etcd.prom"
)

// Config is what one host is told.
type Config struct {
	Format      int    `json:"format"`
	ClusterName string `json:"cluster_name"`
	Host        string `json:"host"`
	Kubernetes  string `json:"kubernetes"` // versions
	Etcd        string `json:"etcd"`

	// Endpoints are the client URLs of etcd's members, by host.
	Endpoints map[string]string `json:"endpoints"`
	Pair      Pair              `json:"pair"` // as a client of etcd, and of receivers
	// DataDir is etcd's on this host; "" where it runs none: such a host only
	// writes escrow.
	DataDir string `json:"data_dir,omitempty"`
	// Receiver says where this host takes in what other hosts store here; nil
	// where it keeps no backups.
	Receiver *Receiver `json:"receiver,omitempty"`

	Schedule   string        `json:"schedule"`
	MaxAge     time.Duration `json:"max_age"`
	Recipients []string      `json:"recipients"`
	Keep       keep.Policy   `json:"keep"`
	Scratch    []string      `json:"scratch"` // folders, the first that fits is taken
	Metrics    string        `json:"metrics"` // folder
	Targets    []target.Spec `json:"targets"`
	// Items of the identity that this host writes into escrow, and those that all
	// hosts together do.
	Items    []string `json:"items"`
	AllItems []string `json:"all_items"`
}

// Pair is a certificate with its key and the authority of the other end.
type Pair struct {
	CA   string `json:"ca"`
	Cert string `json:"cert"`
	Key  string `json:"key_file"`
}

// Receiver serves the folder of a local target.
type Receiver struct {
	Target  string `json:"target"` // name
	Path    string `json:"path"`
	Pair    Pair   `json:"pair"`
	Address string `json:"address"`
}

// JSON is the file's content; it holds the credentials of targets.
func (c Config) JSON() (secret.Value, error) {
	c.Format = Format
	text, err := json.Marshal(c)
	if err != nil {
		return secret.Value{}, fmt.Errorf("writing the configuration of provision-etcd: %w", err)
	}
	return secret.Of(append(text, '\n')), nil
}

// Parse reads a file's content.
func Parse(raw []byte) (Config, error) {
	var c Config
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		return Config{}, fmt.Errorf("%s is not readable; run provision apply", Path) // the reason may quote a credential
	}
	if c.Format != Format {
		return Config{}, fmt.Errorf("%s has format %d, and this program reads %d; run provision apply", Path, c.Format, Format)
	}
	return c, nil
}
