package keys

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"sync"

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

// Store is what the host keeps of the cluster's identity: the items of it, and
// what the ledger says of them.
type Store struct {
	Sys   *system.System
	birth sync.Mutex // one act on the identity at a time
}

// Read answers the acts that change nothing.
func (k *Store) Read(state ledger.State, params api.IdentityParams) (api.IdentityResult, error) {
	if params.Act == "digest-key" {
		return k.digestKey(state, params)
	}
	return k.export(state, params)
}

// Act is one act of the birth or the copy of a cluster's identity. The files
// come first, the record that names them second; commit is one record, after
// which the files are moved into place, now or by the next session.
func (k *Store) Act(held *ledger.Ledger, params api.IdentityParams) (api.IdentityResult, error) {
	if params.UUID == "" {
		return api.IdentityResult{}, api.BadRequest("an identity needs a UUID")
	}
	k.birth.Lock()
	defer k.birth.Unlock()
	state := held.State()
	if err := SameCluster(state, params.UUID); err != nil {
		return api.IdentityResult{}, err
	}
	switch params.Act {
	case "create":
		return k.create(held, state, params)
	case "put":
		return k.put(held, state, params)
	case "rotate":
		return k.rotate(held, state, params)
	case "commit":
		return k.commitIdentity(held, state, params)
	case "discard":
		return api.IdentityResult{}, k.discard(held, state)
	case "renew":
		return k.renewAuthorities(held, state, params)
	case "leave":
		return api.IdentityResult{}, k.leave(held, state)
	}
	return api.IdentityResult{}, api.BadRequest("unknown act %q", params.Act)
}

// SameCluster refuses a host that belongs to another cluster.
func SameCluster(state ledger.State, uuid string) error {
	if id := state.Identity; id != nil && uuid != "" && id.UUID != uuid {
		return &api.Error{Code: api.CodeForeign, Message: fmt.Sprintf(
			"the host belongs to cluster %s (%s); remove it from there first", id.Cluster, id.UUID)}
	}
	return nil
}

// base is the identity that an act adds to: what is pending under this UUID, or
// else what is committed, or a new one. Pending items of another UUID go: their
// birth was given up.
func (k *Store) base(held *ledger.Ledger, state ledger.State, params api.IdentityParams) (facts.Identity, error) {
	if state.Pending != nil && state.Pending.UUID == params.UUID && continues(state, params) {
		return copyOf(*state.Pending), nil
	}
	if err := k.discard(held, state); err != nil {
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
func (k *Store) create(held *ledger.Ledger, state ledger.State, params api.IdentityParams) (api.IdentityResult, error) {
	identity, err := k.base(held, state, params)
	if err != nil {
		return api.IdentityResult{}, err
	}
	for _, item := range params.Items {
		if slices.Contains(identity.Holds, item) || isPublic(item) {
			continue
		}
		made, err := k.make(item, params, &identity)
		if err != nil {
			return api.IdentityResult{}, err
		}
		if err := k.store(pendingOf(identity), made); err != nil {
			return api.IdentityResult{}, err
		}
		identity.Holds = append(identity.Holds, item)
	}
	slices.Sort(identity.Holds)
	if err := held.SetIdentity(state.Identity, &identity); err != nil {
		return api.IdentityResult{}, err
	}
	k.Sys.Point("identity created")
	material, err := k.material(identity, params.Items, pendingOf(identity), system.IdentityDir)
	return api.IdentityResult{Identity: &identity, Material: material}, err
}

// put takes an identity, and items of it, from another host.
func (k *Store) put(held *ledger.Ledger, state ledger.State, params api.IdentityParams) (api.IdentityResult, error) {
	if params.Identity == nil || params.Identity.UUID != params.UUID {
		return api.IdentityResult{}, api.BadRequest("put needs the identity of the UUID")
	}
	identity, err := k.base(held, state, params)
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
		err = k.unheld(state.Identity, items)
	} else if state.Identity != nil {
		err = k.stillFit(*state.Identity, identity, items)
	}
	if err != nil {
		return api.IdentityResult{}, err
	}
	maps.Copy(items, publicItems(identity))
	if err := k.store(pendingOf(identity), items); err != nil {
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
	k.Sys.Point("identity put")
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
	if from.Restored != nil {
		into.Restored = from.Restored
	}
	if from.Cluster != "" {
		into.Cluster = from.Cluster
	}
	return nil
}

// store writes pending items.
func (k *Store) store(pending string, items map[string]secret.Wire) error {
	for _, dir := range slices.Compact([]string{system.IdentityDir, pendingDir, pending}) {
		if err := k.Sys.Files.Mkdir(dir, system.Attr{Mode: 0o700}); err != nil {
			return fmt.Errorf("storing identity: %w", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(items)) {
		err := k.Sys.Files.WriteFile(pending+"/"+name, bytes.NewReader(items[name].Bytes()), system.Attr{Mode: 0o600})
		if err != nil {
			return fmt.Errorf("storing identity: %w", err)
		}
		k.Sys.Point("identity item")
	}
	return nil
}

func (k *Store) commitIdentity(held *ledger.Ledger, state ledger.State, params api.IdentityParams) (api.IdentityResult, error) {
	if state.Pending == nil || state.Pending.UUID != params.UUID {
		if state.Identity == nil {
			return api.IdentityResult{}, api.BadRequest("nothing is pending for cluster %s", params.UUID)
		}
		return api.IdentityResult{Identity: state.Identity}, k.Settle(state)
	}
	if params.Generation != 0 && state.Pending.Generation != params.Generation {
		return api.IdentityResult{}, api.BadRequest("generation %d of the identity is pending, not %d", state.Pending.Generation, params.Generation)
	}
	k.Sys.Point("identity committing")
	if err := held.SetIdentity(state.Pending, nil); err != nil {
		return api.IdentityResult{}, err
	}
	k.Sys.Point("identity committed")
	return api.IdentityResult{Identity: state.Pending}, k.Settle(held.State())
}

// Settle moves the items of a committed identity into place. With nothing
// pending, only items that the identity names are moved, and of the public ones
// only those that say what it says: a put that was cut off before its record may
// have left the later certificate of an authority. Of private ones a put never
// makes another content pending.
func (k *Store) Settle(state ledger.State) error {
	if state.Pending != nil {
		return nil
	}
	if state.Identity != nil {
		public := publicItems(*state.Identity)
		for _, item := range itemsOf(*state.Identity) {
			from := pendingOf(*state.Identity) + "/" + item
			content, err := k.Sys.Files.ReadFile(from)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if want, ok := public[item]; ok && err == nil && string(want.Bytes()) != string(content) {
				continue
			}
			if err := k.Sys.Files.Rename(from, system.IdentityDir+"/"+item); err != nil {
				return fmt.Errorf("settling identity: %w", err)
			}
			k.Sys.Point("identity moved")
		}
	}
	if err := k.Sys.Files.RemoveAll(pendingDir); err != nil {
		return fmt.Errorf("settling identity: %w", err)
	}
	return nil
}

// discard gives up what is pending: the record first, so that a commit can no
// longer follow.
func (k *Store) discard(held *ledger.Ledger, state ledger.State) error {
	if state.Pending != nil {
		if err := held.SetIdentity(state.Identity, nil); err != nil {
			return err
		}
		k.Sys.Point("identity discarded")
	}
	if err := k.Sys.Files.RemoveAll(pendingDir); err != nil {
		return fmt.Errorf("discarding identity: %w", err)
	}
	return nil
}
