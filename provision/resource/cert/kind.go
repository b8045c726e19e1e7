package cert

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"provision/provision/internal/system"
	"provision/provision/resource"
	"provision/provision/resource/internal/snapshot"
)

// State is what stands at the two paths, and what is wrong with it.
type State struct {
	Cert snapshot.Snapshot `json:"cert"`
	Key  snapshot.Snapshot `json:"key"`
	// Issue says why a new certificate is needed; "" when it is not.
	Issue string `json:"issue,omitempty"`
	// NotAfter is the end of the certificate, for people.
	NotAfter string `json:"not_after,omitempty"`
	// KeyPath is the spec's: Restore needs it.
	KeyPath string `json:"key_path"`
	// Adopt is the spec's, and Dated are the files beside the link, by name,
	// that were there when Keep ran: Restore leaves only those.
	Adopt bool     `json:"adopt,omitempty"`
	Dated []string `json:"dated,omitempty"`
}

type kind struct{ ready map[string]Pair }

// Of is the kind for the catalogue.
func Of() resource.Kind[*system.System] { return resource.Erase[*system.System, Spec, State](kind{}) }

func (kind) Name() string { return Kind }

func (kind) Check(name string, want Spec) error {
	problems := []error{snapshot.CheckPath(name), snapshot.CheckPath(want.Key)}
	if want.CA == "" || want.CommonName == "" {
		problems = append(problems, errors.New("ca and common_name are needed"))
	}
	if want.Life <= 0 || want.RenewBefore < 0 || want.RenewBefore >= want.Life {
		problems = append(problems, fmt.Errorf("renewing %s before the end of a life of %s is not possible", want.RenewBefore, want.Life))
	}
	if want.Adopt && (name != want.Key || !strings.HasSuffix(name, current)) {
		problems = append(problems, fmt.Errorf("only a combined file that ends in %s can be rotated by others", current))
	}
	for _, ip := range want.IPs {
		if _, err := netip.ParseAddr(ip); err != nil {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// keyAttr is 0600 unless the spec opens it to a group.
func keyAttr(want Spec) system.Attr {
	attr := want.Owner
	if attr.Mode == 0 {
		attr.Mode = 0o600
	}
	return attr
}

func certAttr(name string, want Spec) system.Attr {
	attr := keyAttr(want)
	if name != want.Key {
		attr.Mode = 0o644
	}
	return attr
}

func (kind) Observe(_ context.Context, sys *system.System, name string, want Spec) (State, error) {
	state := State{KeyPath: want.Key, Adopt: want.Adopt}
	var err error
	if state.Cert, err = snapshot.Take(sys.Files, name); err != nil {
		return State{}, err
	}
	if state.Key, err = snapshot.Take(sys.Files, want.Key); err != nil {
		return State{}, err
	}
	if !state.Cert.Exists() {
		return state, nil
	}
	pair, err := readPair(sys.Files, name, want.Key)
	if err != nil {
		state.Issue = err.Error()
		return state, nil
	}
	state.NotAfter = pair.cert.NotAfter.UTC().Format("2006-01-02 15:04 MST")
	roots, err := readCA(sys.Files, want.CA)
	if err == nil {
		err = fits(pair.cert, want, roots, sys.Now())
	}
	switch {
	case err != nil:
		state.Issue = err.Error()
	case want.Reissue:
		state.Issue = "it is asked for"
	}
	return state, nil
}

func (kind) Diff(name string, want Spec, have State) []resource.Change {
	if !have.Cert.Exists() {
		return []resource.Change{{Field: "certificate", New: fmt.Sprintf("CN=%s from the %s CA, for %s", want.CommonName, want.CA, want.Life), Create: true}}
	}
	if have.Issue != "" {
		old := have.Issue
		if have.NotAfter != "" {
			old = "until " + have.NotAfter + ": " + have.Issue
		}
		return []resource.Change{{Field: "certificate", Old: old, New: "reissued"}}
	}
	if want.Adopt {
		return have.Cert.TypeChange("symlink") // whoever rotates it sets its mode
	}
	changes := have.Cert.AttrChanges(certAttr(name, want))
	if name != want.Key {
		for _, change := range have.Key.AttrChanges(keyAttr(want)) {
			change.Field = "key's " + change.Field
			changes = append(changes, change)
		}
	}
	return changes
}

func (kind) Keep(_ context.Context, sys *system.System, name string, have State) (State, error) {
	var err error
	if have.Cert, err = snapshot.Keep(sys, name, have.Cert); err != nil {
		return have, err
	}
	if have.KeyPath != name {
		have.Key, err = snapshot.Keep(sys, have.KeyPath, have.Key)
	}
	if err == nil && have.Adopt {
		have.Dated, err = dated(sys.Files, name)
	}
	return have, err
}

func (kind) Restore(_ context.Context, sys *system.System, name string, before State) error {
	if before.KeyPath != name {
		if err := snapshot.Restore(sys, before.KeyPath, before.Key); err != nil {
			return err
		}
		sys.Point("cert:key-restored")
	}
	if before.Adopt {
		return restoreLink(sys, name, before)
	}
	return snapshot.Restore(sys, name, before.Cert)
}
