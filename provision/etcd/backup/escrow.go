package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"provision/provision/secret"
)

// MaxEscrow is the size of the largest escrow object that is read, in bytes.
const MaxEscrow = 4 << 20

// EscrowItem is the content of an escrow object before it is encrypted: one item
// of the cluster's identity, as the hosts keep it.
type EscrowItem struct {
	Format  int         `json:"format"`
	Cluster string      `json:"cluster"`
	Item    string      `json:"item"`
	Content secret.Wire `json:"content"`
}

// EscrowHash names an escrow object. It is of the item and of those who can read
// it, so that each holder finds that it is there, and other recipients get
// objects of their own.
func EscrowHash(cluster, item string, content secret.Value, recipients []string) string {
	sum := sha256.New()
	add := func(part []byte) {
		fmt.Fprintf(sum, "%d:", len(part))
		sum.Write(part)
	}
	for _, part := range append([]string{cluster, item}, slices.Sorted(slices.Values(recipients))...) {
		add([]byte(part))
	}
	add(content.Bytes())
	return hex.EncodeToString(sum.Sum(nil))
}

// EscrowNames is what a host tells of the objects of its items, as etcd keeps it.
func EscrowNames(list []Escrow) ([]byte, error) {
	text, err := json.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("writing the names of escrow objects: %w", err)
	}
	return text, nil
}

// ParseEscrowNames reads what a host told.
func ParseEscrowNames(raw []byte) ([]Escrow, error) {
	var list []Escrow
	err := json.Unmarshal(raw, &list)
	for _, e := range list {
		err = errors.Join(err, e.check())
	}
	if err != nil {
		return nil, fmt.Errorf("reading the names of escrow objects: %w", err)
	}
	return list, nil
}

// JSON is the item as it is encrypted.
func (i EscrowItem) JSON() (secret.Value, error) {
	i.Format = Format
	text, err := json.Marshal(i)
	if err != nil {
		return secret.Value{}, fmt.Errorf("writing escrow item %s: %w", i.Item, err)
	}
	return secret.Of(text), nil
}

// ParseEscrow reads what an escrow object holds.
func ParseEscrow(raw []byte, cluster string, e Escrow) (EscrowItem, error) {
	var i EscrowItem
	if len(raw) > MaxEscrow {
		return i, fmt.Errorf("escrow object %s has %d bytes; at most %d are read", e.Item, len(raw), MaxEscrow)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&i); err != nil {
		return EscrowItem{}, fmt.Errorf("escrow object %s is not readable", e.Item) // the reason may quote a key
	}
	if i.Format != Format {
		return EscrowItem{}, fmt.Errorf("escrow object %s has format %d, and this program reads %d; use the provision that wrote it", e.Item, i.Format, Format)
	}
	if i.Item != e.Item || i.Cluster != cluster || i.Content.Empty() {
		return EscrowItem{}, fmt.Errorf("escrow object %s of cluster %s holds %q of cluster %q", e.Item, cluster, i.Item, i.Cluster)
	}
	return i, nil
}
