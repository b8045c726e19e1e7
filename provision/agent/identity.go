package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"

	"provision/provision/agent/api"
	"provision/provision/facts"
	"provision/provision/internal/ledger"
	"provision/provision/internal/system"
	"provision/provision/pki"
	"provision/provision/secret"
)

// pendingDir holds items of an identity between its two phases.
const pendingDir = system.IdentityDir + "/pending"

// pendingOf is where those of one generation are: what was left of a rotation
// that was given up is never taken for what was committed.
func pendingOf(identity facts.Identity) string {
	if identity.Generation == 0 {
		return pendingDir
	}
	return pendingDir + "/" + strconv.Itoa(identity.Generation)
}

// identity is one act of the birth or the copy of a cluster's identity. The
// files come first, the record that names them second; commit is one record,
// after which the files are moved into place, now or by the next session.
func (s *session) identity(_ context.Context, params api.IdentityParams) (api.IdentityResult, error) {
	switch params.Act {
	case "export":
		return s.export(params)
	case "digest-key":
		return s.digestKey(params)
	}
	held, err := s.writer(params.Epoch)
	if err != nil {
		return api.IdentityResult{}, err
	}
	if params.UUID == "" {
		return api.IdentityResult{}, api.BadRequest("an identity needs a UUID")
	}
	s.birth.Lock()
	defer s.birth.Unlock()
	state := held.State()
	if err := sameCluster(state, params.UUID); err != nil {
		return api.IdentityResult{}, err
	}
	switch params.Act {
	case "create":
		return s.create(held, state, params)
	case "put":
		return s.put(held, state, params)
	case "rotate":
		return s.rotate(held, state, params)
	case "commit":
		return s.commitIdentity(held, state, params)
	case "discard":
		return api.IdentityResult{}, s.discard(held, state)
	case "renew":
		return s.renewAuthorities(held, state, params)
	case "leave":
		return api.IdentityResult{}, s.leave(held, state)
	}
	return api.IdentityResult{}, api.BadRequest("unknown act %q", params.Act)
}

// base is the identity that an act adds to: what is pending under this UUID, or
// else what is committed, or a new one. Pending items of another UUID go: their
// birth was given up.
func (s *session) base(held *ledger.Ledger, state ledger.State, params api.IdentityParams) (facts.Identity, error) {
	if state.Pending != nil && state.Pending.UUID == params.UUID && continues(state, params) {
		return copyOf(*state.Pending), nil
	}
	if err := s.discard(held, state); err != nil {
		return facts.Identity{}, err
	}
	if state.Identity != nil {
		return copyOf(*state.Identity), nil
	}
	return facts.Identity{UUID: params.UUID, Cluster: params.Cluster, CAs: map[string]string{}}, nil
}

// continues reports whether what is pending is of the generation that is put, or
// else of that which is committed: what is left of a rotation that was killed is
// nothing to go on from. The first phase of a rotation is always written anew.
func continues(state ledger.State, params api.IdentityParams) bool {
	wanted := state.Pending.Generation
	if params.Identity != nil {
		wanted = params.Identity.Generation
	}
	return state.Pending.Generation == wanted && (state.Identity == nil || state.Identity.Generation == wanted)
}

func copyOf(identity facts.Identity) facts.Identity {
	identity.CAs = maps.Clone(identity.CAs)
	identity.Turning = maps.Clone(identity.Turning)
	if identity.CAs == nil {
		identity.CAs = map[string]string{}
	}
	identity.Holds = slices.Clone(identity.Holds)
	return identity
}

// create makes the private items asked for, and their public halves, pending,
// and returns what was asked for.
// What is there already under this UUID is kept: a second create is the first.
func (s *session) create(held *ledger.Ledger, state ledger.State, params api.IdentityParams) (api.IdentityResult, error) {
	identity, err := s.base(held, state, params)
	if err != nil {
		return api.IdentityResult{}, err
	}
	for _, item := range params.Items {
		if slices.Contains(identity.Holds, item) || isPublic(item) {
			continue
		}
		made, err := s.make(item, params, &identity)
		if err != nil {
			return api.IdentityResult{}, err
		}
		if err := s.store(pendingOf(identity), made); err != nil {
			return api.IdentityResult{}, err
		}
		identity.Holds = append(identity.Holds, item)
	}
	slices.Sort(identity.Holds)
	if err := held.SetIdentity(state.Identity, &identity); err != nil {
		return api.IdentityResult{}, err
	}
	s.sys.Point("identity created")
	material, err := s.material(identity, params.Items, pendingOf(identity), system.IdentityDir)
	return api.IdentityResult{Identity: &identity, Material: material}, err
}

// put takes an identity, and items of it, from another host.
func (s *session) put(held *ledger.Ledger, state ledger.State, params api.IdentityParams) (api.IdentityResult, error) {
	if params.Identity == nil || params.Identity.UUID != params.UUID {
		return api.IdentityResult{}, api.BadRequest("put needs the identity of the UUID")
	}
	identity, err := s.base(held, state, params)
	if err != nil {
		return api.IdentityResult{}, err
	}
	raised, err := raise(&identity, params)
	if err != nil {
		return api.IdentityResult{}, err
	}
	if err := merge(&identity, *params.Identity); err != nil {
		return api.IdentityResult{}, err
	}
	items, err := checkMaterial(identity, params.Material)
	if err != nil {
		return api.IdentityResult{}, err
	}
	if !raised {
		err = s.unheld(state.Identity, items)
	} else if state.Identity != nil {
		err = s.stillFit(*state.Identity, identity, items)
	}
	if err != nil {
		return api.IdentityResult{}, err
	}
	maps.Copy(items, publicItems(identity))
	if err := s.store(pendingOf(identity), items); err != nil {
		return api.IdentityResult{}, err
	}
	for item := range params.Material {
		if isPrivate(item) && !slices.Contains(identity.Holds, item) {
			identity.Holds = append(identity.Holds, item)
		}
	}
	slices.Sort(identity.Holds)
	if err := held.SetIdentity(state.Identity, &identity); err != nil {
		return api.IdentityResult{}, err
	}
	s.sys.Point("identity put")
	return api.IdentityResult{Identity: &identity}, nil
}

// merge adds what another host knows. What both know must be the same.
func merge(into *facts.Identity, from facts.Identity) error {
	for name, cert := range from.CAs {
		have, ok := into.CAs[name]
		if ok && pki.Succeeds(cert, have) {
			continue // this host knows a later certificate of the same authority
		}
		if ok && have != cert && !pki.Succeeds(have, cert) {
			return &api.Error{Code: api.CodeForeign, Message: fmt.Sprintf(
				"the host knows another CA %q for cluster %s; discard the pending identity, or compare the hosts' ledgers", name, into.UUID)}
		}
		into.CAs[name] = cert
	}
	if into.ServiceAccountKey != "" && from.ServiceAccountKey != "" && into.ServiceAccountKey != from.ServiceAccountKey {
		return &api.Error{Code: api.CodeForeign, Message: "the host knows another service account key for cluster " + into.UUID}
	}
	if from.ServiceAccountKey != "" {
		into.ServiceAccountKey = from.ServiceAccountKey
	}
	if from.EtcdClusterID != "" {
		into.EtcdClusterID = from.EtcdClusterID
	}
	if from.Cluster != "" {
		into.Cluster = from.Cluster
	}
	return nil
}

// store writes pending items.
func (s *session) store(pending string, items map[string]secret.Wire) error {
	for _, dir := range slices.Compact([]string{system.IdentityDir, pendingDir, pending}) {
		if err := s.sys.Files.Mkdir(dir, system.Attr{Mode: 0o700}); err != nil {
			return fmt.Errorf("storing identity: %w", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(items)) {
		err := s.sys.Files.WriteFile(pending+"/"+name, bytes.NewReader(items[name].Bytes()), system.Attr{Mode: 0o600})
		if err != nil {
			return fmt.Errorf("storing identity: %w", err)
		}
		s.sys.Point("identity item")
	}
	return nil
}

func (s *session) commitIdentity(held *ledger.Ledger, state ledger.State, params api.IdentityParams) (api.IdentityResult, error) {
	if state.Pending == nil || state.Pending.UUID != params.UUID {
		if state.Identity == nil {
			return api.IdentityResult{}, api.BadRequest("nothing is pending for cluster %s", params.UUID)
		}
		return api.IdentityResult{Identity: state.Identity}, s.settle(state)
	}
	if params.Generation != 0 && state.Pending.Generation != params.Generation {
		return api.IdentityResult{}, api.BadRequest("generation %d of the identity is pending, not %d", state.Pending.Generation, params.Generation)
	}
	s.sys.Point("identity committing")
	if err := held.SetIdentity(state.Pending, nil); err != nil {
		return api.IdentityResult{}, err
	}
	s.sys.Point("identity committed")
	return api.IdentityResult{Identity: state.Pending}, s.settle(held.State())
}

// settle moves the items of a committed identity into place. With nothing
// pending, only items that the identity names are moved, and of the public ones
// only those that say what it says: a put that was cut off before its record may
// have left the later certificate of an authority. Of private ones a put never
// makes another content pending.
func (s *session) settle(state ledger.State) error {
	if state.Pending != nil {
		return nil
	}
	if state.Identity != nil {
		public := publicItems(*state.Identity)
		for _, item := range itemsOf(*state.Identity) {
			from := pendingOf(*state.Identity) + "/" + item
			content, err := s.sys.Files.ReadFile(from)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if want, ok := public[item]; ok && err == nil && string(want.Bytes()) != string(content) {
				continue
			}
			if err := s.sys.Files.Rename(from, system.IdentityDir+"/"+item); err != nil {
				return fmt.Errorf("settling identity: %w", err)
			}
			s.sys.Point("identity moved")
		}
	}
	if err := s.sys.Files.RemoveAll(pendingDir); err != nil {
		return fmt.Errorf("settling identity: %w", err)
	}
	return nil
}

// discard gives up what is pending: the record first, so that a commit can no
// longer follow.
func (s *session) discard(held *ledger.Ledger, state ledger.State) error {
	if state.Pending != nil {
		if err := held.SetIdentity(state.Identity, nil); err != nil {
			return err
		}
		s.sys.Point("identity discarded")
	}
	if err := s.sys.Files.RemoveAll(pendingDir); err != nil {
		return fmt.Errorf("discarding identity: %w", err)
	}
	return nil
}
