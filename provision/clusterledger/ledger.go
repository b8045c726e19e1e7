package clusterledger

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"provision/provision/cluster"
	"provision/provision/resource"
)

// Format is the version that this program writes. It refuses later ones.
const Format = 1

// Ref names the Secret.
func Ref() cluster.Ref {
	return cluster.Ref{APIVersion: "v1", Kind: "Secret", Namespace: "kube-system", Name: "provision-ledger"}
}

// Bounds of the Secret's content: the API takes 1 MiB.
const (
	mostStored = 900 << 10
	mostRead   = 64 << 20 // unpacked
)

// Errors of contents.
var (
	// ErrNewer: a newer provision wrote it.
	ErrNewer = errors.New("the cluster's ledger was written by a newer provision")
	// ErrDamaged: somebody else changed it.
	ErrDamaged = errors.New("the cluster's ledger is damaged")
)

// Entry is one thing that provision owns in the cluster.
type Entry struct {
	ID           string `json:"id"` // KIND["NAME"]
	Component    string `json:"component,omitempty"`
	Irreversible bool   `json:"irreversible,omitempty"`
	// Requires are the IDs of entries that must be there as long as this one.
	Requires []string `json:"requires,omitempty"`
	// Before is the kind's state before the first apply.
	Before json.RawMessage `json:"before"`
}

// Address is that of the entry's resource.
func (e Entry) Address() (resource.Address, error) {
	return resource.ParseAddress(resource.ClusterHost + "/" + e.ID)
}

// Ledger is all entries, in the order of first apply.
type Ledger struct {
	Entries []Entry `json:"entries"`
}

// Entry returns the entry of a resource.
func (l Ledger) Entry(id string) (Entry, bool) {
	if i := l.index(id); i >= 0 {
		return l.Entries[i], true
	}
	return Entry{}, false
}

func (l Ledger) index(id string) int {
	return slices.IndexFunc(l.Entries, func(e Entry) bool { return e.ID == id })
}

// with returns a copy that has the entry; one of the same ID keeps its place.
func (l Ledger) with(e Entry) Ledger {
	out := Ledger{Entries: slices.Clone(l.Entries)}
	if i := out.index(e.ID); i >= 0 {
		out.Entries[i] = e
	} else {
		out.Entries = append(out.Entries, e)
	}
	return out
}

func (l Ledger) without(id string) Ledger {
	return Ledger{Entries: slices.DeleteFunc(slices.Clone(l.Entries), func(e Entry) bool { return e.ID == id })}
}

// encode is the ledger as the data of a Secret.
func encode(l Ledger) (map[string]any, error) {
	raw, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("writing the cluster's ledger: %w", err)
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	if _, err := zip.Write(raw); err != nil {
		return nil, fmt.Errorf("packing the cluster's ledger: %w", err)
	}
	if err := zip.Close(); err != nil {
		return nil, fmt.Errorf("packing the cluster's ledger: %w", err)
	}
	if packed.Len() > mostStored {
		return nil, fmt.Errorf("cannot record more in the cluster's ledger: it would be %d bytes, and the API takes at most %d; the largest entry is %s", packed.Len(), mostStored, largest(l))
	}
	sum := sha256.Sum256(packed.Bytes())
	data := map[string]any{}
	for key, value := range map[string][]byte{
		"format": []byte(strconv.Itoa(Format)), "ledger": packed.Bytes(), "sha256": []byte(hex.EncodeToString(sum[:])),
	} {
		data[key] = base64.StdEncoding.EncodeToString(value)
	}
	return data, nil
}

func largest(l Ledger) string {
	return slices.MaxFunc(l.Entries, func(a, b Entry) int { return len(a.Before) - len(b.Before) }).ID
}

// decode reads the data of a Secret. ErrNewer, or ErrDamaged.
func decode(object cluster.Object) (Ledger, error) {
	var secret struct {
		Data map[string][]byte `json:"data"`
	}
	damaged := func(why string) (Ledger, error) { return Ledger{}, fmt.Errorf("%w: %s", ErrDamaged, why) }
	if err := cluster.Decode(object, &secret); err != nil {
		return damaged("its data cannot be read")
	}
	format, err := strconv.Atoi(string(secret.Data["format"]))
	if err != nil {
		return damaged("it has no format")
	}
	if format > Format {
		return Ledger{}, fmt.Errorf("%w: its format is %d, this provision reads %d; use that provision, or a later one", ErrNewer, format, Format)
	}
	sum := sha256.Sum256(secret.Data["ledger"])
	if hex.EncodeToString(sum[:]) != string(secret.Data["sha256"]) {
		return damaged("its content does not match its digest")
	}
	l, err := unpack(secret.Data["ledger"])
	if err != nil {
		return damaged(err.Error())
	}
	return l, nil
}

func unpack(packed []byte) (Ledger, error) {
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return Ledger{}, err
	}
	raw, err := io.ReadAll(io.LimitReader(zip, mostRead))
	if err != nil {
		return Ledger{}, err
	}
	var l Ledger
	return l, json.Unmarshal(raw, &l)
}
