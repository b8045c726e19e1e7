package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// FaultKind is what is wrong with a host.
type FaultKind string

// The kinds of faults. Power has no record: a host that is off says so itself.
const (
	FaultNetwork  FaultKind = "network"   // the cable is out
	FaultBlock    FaultKind = "block"     // some traffic is dropped
	FaultRate     FaultKind = "rate"      // a slow link
	FaultSlow     FaultKind = "slow"      // little processor time
	FaultFreeze   FaultKind = "freeze"    // nothing runs, the kernel still answers
	FaultDisk     FaultKind = "disk"      // a file system is full
	FaultReadOnly FaultKind = "read-only" // a folder cannot be written
	FaultClock    FaultKind = "clock"     // the clock is wrong
)

// Fault is something wrong with a lab host, on purpose.
type Fault struct {
	Host    string        `json:"host"`
	Kind    FaultKind     `json:"kind"`
	Since   time.Time     `json:"since"`
	Path    string        `json:"path,omitempty"`    // disk, read-only
	From    []string      `json:"from,omitempty"`    // block: hosts of the lab, or Operator; all when empty
	Ports   []int         `json:"ports,omitempty"`   // block: TCP ports of the host; all traffic when empty
	Rate    int64         `json:"rate,omitempty"`    // rate: bits per second
	Percent float64       `json:"percent,omitempty"` // slow: of one processor
	Offset  time.Duration `json:"offset,omitempty"`  // clock
}

// Operator stands for this machine among the hosts whose traffic is blocked.
const Operator = "operator"

// String says what is wrong, in a few words.
func (f Fault) String() string {
	switch f.Kind {
	case FaultBlock:
		text := "drops traffic"
		if len(f.Ports) > 0 {
			text += fmt.Sprintf(" to ports %v", f.Ports)
		}
		if len(f.From) > 0 {
			text += " of " + strings.Join(f.From, ", ")
		}
		return text
	case FaultRate:
		return fmt.Sprintf("link of %g Mbit/s", float64(f.Rate)/1e6)
	case FaultSlow:
		return fmt.Sprintf("%g%% of a processor", f.Percent)
	case FaultDisk:
		return "disk of " + f.Path + " full"
	case FaultReadOnly:
		return f.Path + " read-only"
	case FaultClock:
		return fmt.Sprintf("clock off by %v", f.Offset)
	case FaultNetwork:
		return "cable out"
	case FaultFreeze:
		return "frozen"
	}
	return string(f.Kind)
}

// damage is one kind of fault: how it is done, and undone. Undoing what is
// gone already, with a power cut or a reboot, is no error.
type damage struct {
	inject, fix func(*Lab, context.Context, hostState, Fault) error
	check       func(*Lab, hostState, Fault) error // may be nil
	lasting     bool                               // outlives a power cut
}

func damageOf(k FaultKind) (damage, error) {
	switch k {
	case FaultNetwork:
		return damage{inject: (*Lab).unplug, fix: (*Lab).plug}, nil
	case FaultBlock:
		return damage{inject: (*Lab).block, fix: (*Lab).unblock, check: (*Lab).checkBlock}, nil
	case FaultRate:
		return damage{inject: (*Lab).limit, fix: (*Lab).unlimit, check: (*Lab).checkRate}, nil
	case FaultSlow:
		return damage{inject: (*Lab).throttle, fix: (*Lab).unthrottle, check: (*Lab).checkSlow}, nil
	case FaultFreeze:
		return damage{inject: (*Lab).freeze, fix: (*Lab).thaw}, nil
	case FaultDisk:
		return damage{inject: (*Lab).fill, fix: (*Lab).free, check: checkPath, lasting: true}, nil
	case FaultReadOnly:
		return damage{inject: (*Lab).protect, fix: (*Lab).unprotect, check: checkPath}, nil
	case FaultClock:
		return damage{inject: (*Lab).shiftClock, fix: (*Lab).resetClock, check: (*Lab).checkClock}, nil
	}
	return damage{}, fmt.Errorf("cannot make fault %q: there is no such kind", k)
}

// Inject makes a fault. One of the same kind (and path) is replaced.
func (l *Lab) Inject(ctx context.Context, f Fault) error {
	h, d, err := l.victim(f)
	if err != nil {
		return err
	}
	if d.check != nil {
		if err := d.check(l, h, f); err != nil {
			return err
		}
	}
	if !h.Process.alive() {
		return fmt.Errorf("cannot make fault %s on %s: the host is off", f.Kind, f.Host)
	}
	f.Since = time.Now().UTC()
	data, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encoding a fault: %w", err)
	}
	path := l.faultPath(f)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("recording a fault: %w", err)
	}
	if err := writeFileAtomic(path, data, 0o600); err != nil { // before it is made, like all that a lab is
		return err
	}
	if err := d.inject(l, ctx, h, f); err != nil {
		err = fmt.Errorf("making fault %s on %s: %w", f.Kind, f.Host, err)
		return errors.Join(err, l.Fix(context.WithoutCancel(ctx), f))
	}
	return nil
}

// Fix ends a fault, given by host, kind and path. One that is not there is no
// error.
func (l *Lab) Fix(ctx context.Context, f Fault) error {
	h, d, err := l.victim(f)
	if err != nil {
		return err
	}
	if _, err := os.Stat(l.faultPath(f)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if h.Process.alive() {
		if err := d.fix(l, ctx, h, f); err != nil {
			return fmt.Errorf("ending fault %s on %s: %w", f.Kind, f.Host, err)
		}
	} else if d.lasting {
		return fmt.Errorf("cannot end fault %s on %s: the host is off; switch it on first", f.Kind, f.Host)
	}
	if err := os.Remove(l.faultPath(f)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forgetting a fault: %w", err)
	}
	return nil
}

// FixAll ends all faults of a host.
func (l *Lab) FixAll(ctx context.Context, host string) error {
	if _, err := l.host(host); err != nil {
		return err
	}
	faults, err := l.Faults()
	if err != nil {
		return err
	}
	// What hinders a host's own work, and so the fixing of its disks, ends first.
	slices.SortStableFunc(faults, func(a, b Fault) int { return fixOrder(a.Kind) - fixOrder(b.Kind) })
	var errs []error
	for _, f := range faults {
		if f.Host == host {
			errs = append(errs, l.Fix(ctx, f))
		}
	}
	return errors.Join(errs...)
}

func fixOrder(k FaultKind) int {
	return slices.Index([]FaultKind{FaultFreeze, FaultSlow, FaultNetwork, FaultBlock, FaultRate, FaultReadOnly, FaultDisk, FaultClock}, k)
}

// Faults lists the faults of all hosts.
func (l *Lab) Faults() ([]Fault, error) {
	paths, err := filepath.Glob(filepath.Join(l.dir, "hosts", "*", "faults", "*.json"))
	if err != nil {
		return nil, fmt.Errorf("listing faults: %w", err)
	}
	var faults []Fault
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var f Fault
		if err == nil {
			err = json.Unmarshal(data, &f)
		}
		if err == nil && l.faultPath(f) != path {
			err = errors.New("it is of another fault")
		}
		if err != nil {
			return nil, fmt.Errorf("reading fault %s: %w", path, err)
		}
		faults = append(faults, f)
	}
	return faults, nil
}

// forgetFaults drops what ends with the power.
func (l *Lab) forgetFaults(h hostState) error {
	faults, err := l.Faults()
	if err != nil {
		return err
	}
	errs := []error{l.unblock(context.Background(), h, Fault{})}
	for _, f := range faults {
		if d, err := damageOf(f.Kind); err == nil && f.Host == h.Name && !d.lasting {
			errs = append(errs, os.Remove(l.faultPath(f)))
		}
	}
	return errors.Join(errs...)
}

func (l *Lab) victim(f Fault) (hostState, damage, error) {
	d, err := damageOf(f.Kind)
	if err != nil {
		return hostState{}, d, err
	}
	h, err := l.host(f.Host)
	return h, d, err
}

// faultPath has a file per fault, so that two processes never write the same.
func (l *Lab) faultPath(f Fault) string {
	name := string(f.Kind)
	if f.Path != "" {
		sum := sha256.Sum256([]byte(f.Path))
		name += "-" + hex.EncodeToString(sum[:])[:12]
	}
	return filepath.Join(l.hostDir(f.Host), "faults", name+".json")
}
