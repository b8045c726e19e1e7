package keys

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"provision/provision/agent/api"
	"provision/provision/facts"
	"provision/provision/internal/ledger"
	"provision/provision/internal/system"
	"provision/provision/pki"
	"provision/provision/secret"
)

// CAKeys are the private items that are keys of authorities, by CA name.
func CAKeys() map[string]string {
	return map[string]string{pki.ClusterCA: system.ClusterKey, pki.EtcdCA: system.EtcdKey, pki.FrontProxyCA: system.FrontProxyKey}
}

// caCerts are their certificates.
func caCerts() map[string]string {
	return map[string]string{pki.ClusterCA: system.ClusterCA, pki.EtcdCA: system.EtcdCA, pki.FrontProxyCA: system.FrontProxyCA}
}

func caOfKey(item string) (string, bool) {
	for name, key := range CAKeys() {
		if key == item {
			return name, true
		}
	}
	return "", false
}

func isPrivate(item string) bool {
	_, ca := caOfKey(item)
	return ca || item == system.ServiceKey || item == system.Encryption
}

// isPublic items come with the private ones that they belong to.
func isPublic(item string) bool {
	return item == system.ServicePub || slices.Contains(slices.Collect(maps.Values(caCerts())), item)
}

// publicItems are the files that the identity itself is enough for.
func publicItems(identity facts.Identity) map[string]secret.Wire {
	items := map[string]secret.Wire{}
	for name, cert := range identity.CAs {
		if item, ok := caCerts()[name]; ok {
			items[item] = carried(cert)
		}
	}
	if identity.ServiceAccountKey != "" {
		items[system.ServicePub] = carried(identity.ServiceAccountKey)
	}
	return items
}

// itemsOf are all files of an identity on this host.
func itemsOf(identity facts.Identity) []string {
	return append(slices.Sorted(maps.Keys(publicItems(identity))), identity.Holds...)
}

// make creates one private item and its public half, and notes the latter in
// the identity.
func (k *Store) make(item string, params api.IdentityParams, identity *facts.Identity) (map[string]secret.Wire, error) {
	env := pki.Env{Now: k.Sys.Now()}
	if name, ok := caOfKey(item); ok {
		if _, known := identity.CAs[name]; known {
			return nil, api.BadRequest("CA %q of cluster %s exists on another host; put its key instead", name, params.UUID)
		}
		ca, err := pki.NewCA(env, strings.TrimSpace(params.Cluster+" "+name), params.CALife)
		if err != nil {
			return nil, err
		}
		key, err := ca.Key.PEM()
		if err != nil {
			return nil, err
		}
		identity.CAs[name] = string(ca.CertPEM())
		return map[string]secret.Wire{item: carried(key), caCerts()[name]: carried(ca.CertPEM())}, nil
	}
	switch item {
	case system.ServiceKey:
		return makeServiceKey(env, params, identity)
	case system.Encryption:
		content, err := encryptionConfig()
		return map[string]secret.Wire{item: carried(content)}, err
	}
	return nil, api.BadRequest("%q is not a private item of an identity", item)
}

func makeServiceKey(env pki.Env, params api.IdentityParams, identity *facts.Identity) (map[string]secret.Wire, error) {
	if identity.ServiceAccountKey != "" {
		return nil, api.BadRequest("the service account key of cluster %s exists on another host; put it instead", params.UUID)
	}
	key, err := pki.NewKey(env)
	if err != nil {
		return nil, err
	}
	private, err := key.PEM()
	if err != nil {
		return nil, err
	}
	public, err := key.PublicPEM()
	if err != nil {
		return nil, err
	}
	identity.ServiceAccountKey = string(public)
	return map[string]secret.Wire{system.ServiceKey: carried(private), system.ServicePub: carried(public)}, nil
}

// encryptionConfig encrypts Secrets at rest; identity last reads what was
// written before.
func encryptionConfig() ([]byte, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("making encryption key: %w", err)
	}
	return encryptionText([]encryptionKey{{"key1", secret.New(base64.StdEncoding.EncodeToString(key))}}), nil
}

// checkMaterial refuses items that do not belong to the identity: a key without
// its certificate would only show when something no longer starts.
func checkMaterial(identity facts.Identity, material map[string]secret.Wire) (map[string]secret.Wire, error) {
	items := map[string]secret.Wire{}
	for item, content := range material {
		if !isPrivate(item) {
			continue // public ones are written from the identity
		}
		if name, ok := caOfKey(item); ok {
			if _, err := pki.ParseCA([]byte(identity.CAs[name]), content.Bytes()); err != nil {
				return nil, api.BadRequest("item %s: %v", item, err)
			}
		}
		if item == system.ServiceKey {
			if err := checkServiceKey(identity, content.Bytes()); err != nil {
				return nil, api.BadRequest("item %s: %v", item, err)
			}
		}
		if item == system.Encryption && !bytes.Contains(content.Bytes(), []byte("EncryptionConfiguration")) {
			return nil, api.BadRequest("item %s is not an EncryptionConfiguration", item)
		}
		items[item] = content
	}
	return items, nil
}

func checkServiceKey(identity facts.Identity, content []byte) error {
	key, err := pki.ParseKey(content)
	if err != nil {
		return err
	}
	public, err := key.PublicPEM()
	if err != nil {
		return err
	}
	if !bytes.Equal(public, pki.First([]byte(identity.ServiceAccountKey))) {
		return fmt.Errorf("the key does not belong to the identity's public one")
	}
	return nil
}

// unheld drops the items that a committed identity holds. They must be the
// same: replacing them is a rotation, which is another verb.
func (k *Store) unheld(committed *facts.Identity, items map[string]secret.Wire) error {
	if committed == nil {
		return nil
	}
	for item, content := range items {
		if !slices.Contains(committed.Holds, item) {
			continue
		}
		have, err := k.Sys.Files.ReadFile(system.IdentityDir + "/" + item)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it got lost
		}
		if err != nil {
			return fmt.Errorf("reading identity: %w", err)
		}
		if !content.Equal(secret.Of(have)) {
			return &api.Error{Code: api.CodeForeign, Message: "the host holds another " + item + " for this cluster"}
		}
		delete(items, item)
	}
	return nil
}

// export reads private items, pending ones first, for other hosts of the
// cluster.
func (k *Store) export(state ledger.State, params api.IdentityParams) (api.IdentityResult, error) {
	identity, dirs := state.Identity, k.committed(state)
	if state.Pending != nil && (identity == nil || state.Pending.UUID == params.UUID && state.Pending.Generation == identity.Generation) {
		identity, dirs = state.Pending, []string{pendingOf(*state.Pending), system.IdentityDir}
	}
	if identity == nil || identity.UUID != params.UUID {
		return api.IdentityResult{}, api.BadRequest("the host holds no identity of cluster %s", params.UUID)
	}
	material, err := k.material(*identity, params.Items, dirs...)
	return api.IdentityResult{Identity: identity, Material: material}, err
}

// material reads items of an identity, private ones from the first folder that
// has them.
func (k *Store) material(identity facts.Identity, items []string, dirs ...string) (map[string]secret.Wire, error) {
	out, public := map[string]secret.Wire{}, publicItems(identity)
	for _, item := range items {
		if content, ok := public[item]; ok {
			out[item] = content
			continue
		}
		if !slices.Contains(identity.Holds, item) {
			return nil, api.BadRequest("the host does not hold %s", item)
		}
		content, err := k.readItem(item, dirs...)
		if err != nil {
			return nil, err
		}
		out[item] = carried(content)
	}
	return out, nil
}

func carried[T string | []byte](content T) secret.Wire {
	return secret.OnWire(secret.New(string(content)))
}

func (k *Store) readItem(item string, dirs ...string) (content []byte, err error) {
	for _, dir := range dirs {
		if content, err = k.Sys.Files.ReadFile(dir + "/" + item); err == nil {
			return content, nil
		}
	}
	return nil, fmt.Errorf("reading identity: %w", err)
}
