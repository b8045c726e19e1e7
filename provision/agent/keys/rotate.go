package keys

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"provision/provision/agent/api"
	"provision/provision/facts"
	"provision/provision/internal/ledger"
	"provision/provision/internal/system"
	"provision/provision/pki"
	"provision/provision/secret"
)

// rotate makes the next generation of the identity pending: one item, and its
// public half, in the next phase of its rotation. The material that other hosts
// need of it is returned. What was pending before is given up: no host has
// committed it, or this one would have been told.
func (k *Store) rotate(held *ledger.Ledger, state ledger.State, params api.IdentityParams) (api.IdentityResult, error) {
	if state.Identity == nil || len(params.Items) != 1 || params.To == nil {
		return api.IdentityResult{}, api.BadRequest("rotate needs a member of the cluster, an item and a phase")
	}
	item, to := params.Items[0], *params.To
	if from := state.Identity.Turning[item].Phase; !pki.Follows(from, to.Phase) {
		return api.IdentityResult{}, api.BadRequest("the rotation of %s does not go on from %q to %q", item, from, to.Phase)
	}
	if !slices.Contains(state.Identity.Holds, item) {
		return api.IdentityResult{}, api.BadRequest("the host does not hold %s", item)
	}
	have, err := k.readItem(item, k.committed(state)...)
	if err != nil {
		return api.IdentityResult{}, err
	}
	if err := k.discard(held, state); err != nil {
		return api.IdentityResult{}, err
	}
	next := copyOf(*state.Identity)
	next.Generation++
	content, err := k.turn(&next, item, to.Phase, have, params)
	if err != nil {
		return api.IdentityResult{}, fmt.Errorf("rotating %s: %w", item, err)
	}
	if next.Turning == nil {
		next.Turning = map[string]facts.Turn{}
	}
	next.Turning[item] = to
	if to.Phase == "" {
		delete(next.Turning, item)
	}
	material := map[string]secret.Wire{item: carried(content)}
	items, err := checkMaterial(next, material)
	if err != nil {
		return api.IdentityResult{}, err
	}
	for name, public := range publicItems(next) {
		items[name] = public
	}
	if err := k.store(pendingOf(next), items); err != nil {
		return api.IdentityResult{}, err
	}
	if err := held.SetIdentity(state.Identity, &next); err != nil {
		return api.IdentityResult{}, err
	}
	k.Sys.Point("identity rotated")
	return api.IdentityResult{Identity: &next, Material: material}, nil
}

// turn is the private item in a phase; its public half goes to the identity.
func (k *Store) turn(next *facts.Identity, item, phase string, have []byte, params api.IdentityParams) ([]byte, error) {
	env := pki.Env{Now: k.Sys.Now()}
	if name, ok := caOfKey(item); ok {
		var cert, key []byte
		if phase == pki.Announced {
			ca, err := pki.NewCA(env, fmt.Sprintf("%s %s %d", params.Cluster, name, next.Generation), params.CALife)
			if err != nil {
				return nil, err
			}
			if key, err = ca.Key.PEM(); err != nil {
				return nil, err
			}
			cert = ca.CertPEM()
		}
		next.CAs[name] = turned(phase, []byte(next.CAs[name]), cert)
		return []byte(turnedKey(phase, have, key)), nil
	}
	switch item {
	case system.ServiceKey:
		return turnServiceKey(env, next, phase, have)
	case system.Encryption:
		return turnEncryption(phase, have, "key"+strconv.Itoa(next.Generation))
	}
	return nil, api.BadRequest("%q is not rotated", item)
}

func turned(phase string, have, next []byte) string {
	return string(bytes.Join(pki.Turned(phase, pki.Blocks(have), next), nil))
}

// turnedKey drops a key as soon as another one signs.
func turnedKey(phase string, have, next []byte) string {
	text := turned(phase, have, next)
	if phase == pki.Signing {
		text = string(pki.First([]byte(text)))
	}
	return text
}

func turnServiceKey(env pki.Env, next *facts.Identity, phase string, have []byte) ([]byte, error) {
	var private, public []byte
	if phase == pki.Announced {
		key, err := pki.NewKey(env)
		if err != nil {
			return nil, err
		}
		if private, err = key.PEM(); err != nil {
			return nil, err
		}
		if public, err = key.PublicPEM(); err != nil {
			return nil, err
		}
	}
	next.ServiceAccountKey = turned(phase, []byte(next.ServiceAccountKey), public)
	return []byte(turnedKey(phase, have, private)), nil
}

// encryptionKey is one of an EncryptionConfiguration; the first one encrypts.
type encryptionKey struct {
	name  string
	value secret.Value
}

const encryptionHead = `apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
  - resources: ["secrets"]
    providers:
      - secretbox:
          keys:
`

// encryptionText encrypts Secrets at rest; identity last reads what was written
// before.
func encryptionText(keys []encryptionKey) []byte {
	var b strings.Builder
	b.WriteString(encryptionHead)
	for _, key := range keys {
		b.WriteString("            - name: " + key.name + "\n              secret: " + key.value.Reveal() + "\n")
	}
	b.WriteString("      - identity: {}\n")
	return []byte(b.String())
}

// encryptionKeys reads what encryptionText wrote, and nothing else.
func encryptionKeys(text []byte) ([]encryptionKey, error) {
	var keys []encryptionKey
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "- name: "); ok {
			keys = append(keys, encryptionKey{name: name})
		}
		if value, ok := strings.CutPrefix(line, "secret: "); ok && len(keys) > 0 {
			keys[len(keys)-1].value = secret.New(value)
		}
	}
	if len(keys) == 0 || !bytes.Equal(encryptionText(keys), text) {
		return nil, api.BadRequest("%s is not as provision writes it", system.Encryption)
	}
	return keys, nil
}

func turnEncryption(phase string, have []byte, name string) ([]byte, error) {
	keys, err := encryptionKeys(have)
	if err != nil {
		return nil, err
	}
	switch {
	case phase == pki.Announced:
		key := make([]byte, 32)
		if _, err := rand.Read(key); err != nil {
			return nil, fmt.Errorf("making encryption key: %w", err)
		}
		keys = []encryptionKey{keys[0], {name, secret.New(base64.StdEncoding.EncodeToString(key))}}
	case phase == pki.Signing && len(keys) == 2:
		keys[0], keys[1] = keys[1], keys[0]
	case phase == pki.Dropped:
		keys = keys[:1]
	}
	return encryptionText(keys), nil
}

// raise takes over the authorities and keys of a later generation.
func raise(identity *facts.Identity, params api.IdentityParams) (bool, error) {
	from := params.Identity
	switch {
	case from.Generation < identity.Generation:
		return false, api.BadRequest("the host knows generation %d of the identity of cluster %s, not %d", identity.Generation, params.UUID, from.Generation)
	case from.Generation == identity.Generation:
		return false, nil
	}
	next := copyOf(*from)
	identity.CAs, identity.ServiceAccountKey = next.CAs, next.ServiceAccountKey
	identity.Generation, identity.Turning = next.Generation, next.Turning
	return true, nil
}

// stillFit refuses a later generation in which keys that the host keeps would no
// longer fit: then they must come with it.
func (k *Store) stillFit(committed, next facts.Identity, items map[string]secret.Wire) error {
	for _, item := range committed.Holds {
		if _, comes := items[item]; comes {
			continue
		}
		if item == system.Encryption && next.Generation == committed.Generation+1 {
			continue // one item is rotated at a time, and it would come
		}
		have, err := k.readItem(item, pendingOf(committed), system.IdentityDir)
		if err != nil {
			return err
		}
		if item == system.Encryption {
			return api.BadRequest("generation %d of the identity needs its %s", next.Generation, item)
		}
		if _, err := checkMaterial(next, map[string]secret.Wire{item: carried(have)}); err != nil {
			return err
		}
	}
	return nil
}

// committed are the folders with the items of the committed identity: it may not
// have been moved into place.
func (k *Store) committed(state ledger.State) []string {
	if state.Identity == nil {
		return []string{system.IdentityDir, pendingDir}
	}
	return []string{pendingOf(*state.Identity), system.IdentityDir}
}
