package backup

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Format is the version of manifests that this program writes and reads.
const Format = 1

// MaxManifest is the size of the largest manifest that is read, in bytes.
const MaxManifest = 1 << 20

// ID is an id of etcd: hexadecimal in text, as etcdctl prints it.
type ID uint64

func (id ID) String() string { return strconv.FormatUint(uint64(id), 16) }

// MarshalText implements encoding.TextMarshaler.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *ID) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 16, 64)
	if err != nil {
		return fmt.Errorf("%q is not an id of etcd", text)
	}
	*id = ID(n)
	return nil
}

// Manifest is what is known of one backup at one target. It lies in clear beside
// the sealed snapshot and is written last: without it there is no backup.
type Manifest struct {
	Format      int       `json:"format"`
	Cluster     string    `json:"cluster"` // UUID
	ClusterName string    `json:"cluster_name"`
	Slot        time.Time `json:"slot"`  // that it was due at, UTC; by hand: when it was taken
	Taken       time.Time `json:"taken"` // UTC
	Took        float64   `json:"took"`  // seconds, with the proof, without targets
	Host        string    `json:"host"`

	EtcdCluster ID       `json:"etcd_cluster"`
	Member      ID       `json:"member"`
	Members     []Member `json:"members"`

	// Revision is the snapshot's latest, Compacted that of its last compaction.
	Revision  int64 `json:"revision"`
	Compacted int64 `json:"compacted"`
	// Checked are the figures in which the source and the copy that was started
	// agree; nil where there was no source to ask (Unproven says why).
	Checked  *Checked `json:"checked,omitempty"`
	Unproven string   `json:"unproven,omitempty"`

	Etcd       string `json:"etcd"`
	Kubernetes string `json:"kubernetes"`

	Snapshot Content  `json:"snapshot"` // as etcd gave it
	Stored   Content  `json:"stored"`   // compressed and encrypted, as it lies at targets
	Escrow   []Escrow `json:"escrow"`
	// Verified is set when the stored object was read back from this very target,
	// decrypted, and found equal to the snapshot.
	Verified *time.Time `json:"verified,omitempty"`
	// Bad says how a later reading of the stored object differed.
	Bad string `json:"bad,omitempty"`
}

// Member is one of etcd's members when the backup was taken.
type Member struct {
	Name     string   `json:"name"`
	ID       ID       `json:"id"`
	PeerURLs []string `json:"peer_urls"`
	Learner  bool     `json:"learner,omitempty"`
}

// Checked is what source and copy agree in, at one revision and one compaction.
type Checked struct {
	Revision int64  `json:"revision"`
	Keys     int64  `json:"keys"`
	HashKV   uint32 `json:"hash_kv"`
}

// Content is a size in bytes, and a digest in hex.
type Content struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Escrow names the object of one item of the identity.
type Escrow struct {
	Item string `json:"item"` // cluster.key, encryption.yaml, …
	Hash string `json:"hash"` // see EscrowHash
}

// Good reports whether the backup counts: proven, read back, and not seen
// damaged since.
func (m Manifest) Good() bool { return m.Checked != nil && m.Verified != nil && m.Bad == "" }

// Name is what its objects are called.
func (m Manifest) Name() Name { return Name{Slot: m.Slot, Revision: m.Revision, Host: m.Host} }

// JSON is the manifest as it is stored.
func (m Manifest) JSON() ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the manifest: %w", err)
	}
	return append(text, '\n'), nil
}

// ParseManifest reads a manifest of a cluster, found under a name; cluster ""
// stands for any.
func ParseManifest(raw []byte, cluster string, name Name) (Manifest, error) {
	var m Manifest
	if len(raw) > MaxManifest {
		return m, fmt.Errorf("manifest of %s has %d bytes; at most %d are read", name, len(raw), MaxManifest)
	}
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(raw, &version); err != nil {
		return m, fmt.Errorf("manifest of %s is not readable: %w", name, err)
	}
	if version.Format != Format {
		return m, fmt.Errorf("manifest of %s has format %d, and this program reads %d; use the provision that wrote it", name, version.Format, Format)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&m); err != nil {
		return m, fmt.Errorf("manifest of %s is not readable: %w", name, err)
	}
	if err := m.check(); err != nil {
		return m, fmt.Errorf("manifest of %s: %w", name, err)
	}
	if m.Name() != name {
		return m, fmt.Errorf("manifest of %s is that of %s", name, m.Name())
	}
	if cluster != "" && m.Cluster != cluster {
		return m, fmt.Errorf("manifest of %s is of cluster %s, not of %s", name, m.Cluster, cluster)
	}
	return m, nil
}

func (m Manifest) check() error {
	var problems []error
	require := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	require(m.Format == Format, "format %d is not %d", m.Format, Format)
	require(ValidUUID(m.Cluster), "cluster %q is not a UUID", m.Cluster)
	problems = append(problems, m.Name().check())
	require(m.Slot.Location() == time.UTC && m.Slot.Equal(m.Slot.Truncate(time.Second)), "slot %s is not a whole second of UTC", m.Slot)
	require(m.Compacted >= 0 && m.Compacted <= m.Revision, "compaction %d lies after revision %d", m.Compacted, m.Revision)
	require((m.Checked != nil) != (m.Unproven != ""), "it is proven or says why not")
	if c := m.Checked; c != nil {
		require(c.Revision > 0 && c.Revision <= m.Revision && c.Keys >= 0, "what was compared, revision %d with %d keys, is not in it", c.Revision, c.Keys)
	}
	for what, c := range map[string]Content{"snapshot": m.Snapshot, "stored object": m.Stored} {
		require(c.Size > 0 && digest(c.SHA256), "%s of %d bytes has digest %q", what, c.Size, c.SHA256)
	}
	for _, e := range m.Escrow {
		problems = append(problems, e.check())
	}
	return errors.Join(problems...)
}

func digest(text string) bool {
	raw, err := hex.DecodeString(text)
	return err == nil && len(raw) == 32 && hex.EncodeToString(raw) == text
}
