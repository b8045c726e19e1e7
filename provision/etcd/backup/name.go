package backup

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	slotLayout     = "20060102T150405Z"
	snapshotSuffix = ".db.zst.age"
	manifestSuffix = ".json"
	escrowSuffix   = ".age"
	// EscrowDir is the folder of escrow objects, below that of the cluster.
	EscrowDir = "escrow"
)

var (
	uuids = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	hosts = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)
	items = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,62}$`)
)

// ValidUUID reports whether a text is a cluster's UUID as provision writes it.
func ValidUUID(text string) bool { return uuids.MatchString(text) }

// Name tells backups of a cluster apart: a winner that wakes late makes another
// name, so that no object is ever written twice.
type Name struct {
	Slot     time.Time // UTC, whole seconds
	Revision int64
	Host     string
}

// String is SLOT-REVISION-HOST; names sort by time.
func (n Name) String() string {
	return fmt.Sprintf("%s-%019d-%s", n.Slot.UTC().Format(slotLayout), n.Revision, n.Host)
}

func (n Name) check() error {
	if n.Slot.IsZero() || n.Slot.UTC().Year() > 9999 || n.Revision <= 0 || !hosts.MatchString(n.Host) || strings.Contains(n.Host, "..") {
		return fmt.Errorf("%q is not the name of a backup", n.String())
	}
	return nil
}

// ParseName reads SLOT-REVISION-HOST.
func ParseName(text string) (Name, error) {
	parts := strings.SplitN(text, "-", 3)
	if len(parts) != 3 {
		return Name{}, fmt.Errorf("%q is not the name of a backup: SLOT-REVISION-HOST", text)
	}
	slot, errSlot := time.Parse(slotLayout, parts[0])
	revision, errRevision := strconv.ParseInt(parts[1], 10, 64)
	n := Name{Slot: slot, Revision: revision, Host: parts[2]}
	if err := errors.Join(errSlot, errRevision); err != nil || n.check() != nil || n.String() != text {
		return Name{}, fmt.Errorf("%q is not the name of a backup: SLOT-REVISION-HOST", text)
	}
	return n, nil
}

// SnapshotObject is where the sealed snapshot lies below a target's root.
func SnapshotObject(cluster string, n Name) string {
	return cluster + "/" + n.String() + snapshotSuffix
}

// ManifestObject is where the manifest lies below a target's root.
func ManifestObject(cluster string, n Name) string {
	return cluster + "/" + n.String() + manifestSuffix
}

// EscrowObject is where an item lies below a target's root.
func EscrowObject(cluster string, e Escrow) string {
	return cluster + "/" + EscrowDir + "/" + e.Item + "-" + e.Hash + escrowSuffix
}

func (e Escrow) check() error {
	if !items.MatchString(e.Item) || !digest(e.Hash) {
		return fmt.Errorf("%q with hash %q is not an escrow object", e.Item, e.Hash)
	}
	return nil
}

// Kind says what an object is.
type Kind int

// The kinds of objects. What is none of ours is Foreign, and never touched.
const (
	Foreign Kind = iota
	SnapshotKind
	ManifestKind
	EscrowKind
)

// Object is what a name of an object says.
type Object struct {
	Kind    Kind
	Cluster string // UUID
	Name    Name   // of snapshots and manifests
	Escrow  Escrow
}

// ParseObject reads the name of an object below a target's root.
func ParseObject(name string) Object {
	cluster, rest, ok := strings.Cut(name, "/")
	if !ok || !ValidUUID(cluster) {
		return Object{}
	}
	o := Object{Cluster: cluster}
	var err error
	if file, ok := strings.CutPrefix(rest, EscrowDir+"/"); ok {
		o.Kind = EscrowKind
		o.Escrow, err = parseEscrow(file)
	} else if base, ok := strings.CutSuffix(rest, snapshotSuffix); ok {
		o.Kind = SnapshotKind
		o.Name, err = ParseName(base)
	} else if base, ok := strings.CutSuffix(rest, manifestSuffix); ok {
		o.Kind = ManifestKind
		o.Name, err = ParseName(base)
	}
	if err != nil || o.Kind == Foreign {
		return Object{}
	}
	return o
}

func parseEscrow(file string) (Escrow, error) {
	base, ok := strings.CutSuffix(file, escrowSuffix)
	at := strings.LastIndexByte(base, '-')
	if !ok || at < 0 {
		return Escrow{}, errors.New("not an escrow object")
	}
	e := Escrow{Item: base[:at], Hash: base[at+1:]}
	return e, e.check()
}
