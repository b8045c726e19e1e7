package access

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"provision/provision/facts"
	"provision/provision/internal/system"
	"provision/provision/kube"
	"provision/provision/pki"
)

// turnDeadline bounds the waits for what the cluster itself passes on.
const turnDeadline = 3 * time.Minute

// Turning does what must be done in the cluster between two phases.
func (a *Cluster) Turning(ctx context.Context, item, next string, id facts.Identity) error {
	from := id.Turning[item].Phase
	client, err := a.Kube(ctx)
	if err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, turnDeadline)
	defer cancel()
	switch {
	case item == system.ClusterKey && from == pki.Announced:
		err = client.RootsPublished(bounded, pki.Blocks([]byte(id.CAs[pki.ClusterCA])))
	case item == system.ClusterKey && next == "":
		err = client.PublishAuthority(bounded, kube.ClientAuthority, id.CAs[pki.ClusterCA])
	case item == system.FrontProxyKey && from == pki.Announced:
		err = client.AuthorityPublished(bounded, kube.FrontProxyAuthority, pki.Blocks([]byte(id.CAs[pki.FrontProxyCA])))
	case item == system.FrontProxyKey && next == "":
		err = client.PublishAuthority(bounded, kube.FrontProxyAuthority, id.CAs[pki.FrontProxyCA])
	case item == system.Encryption && next == pki.Dropped:
		err = client.RewriteSecrets(ctx)
	case item == system.ServiceKey && next == pki.Dropped:
		err = lastingTokens(ctx, client, id.ServiceAccountKey)
	}
	return err
}

// lastingTokens refuses to drop a key while Secrets hold tokens that it signed:
// nobody renews them.
func lastingTokens(ctx context.Context, client *kube.Client, public string) error {
	blocks := pki.Blocks([]byte(public))
	if len(blocks) < 2 {
		return nil
	}
	old, err := publicKey(blocks[1])
	if err != nil {
		return err
	}
	tokens, err := client.LastingTokens(ctx)
	if err != nil {
		return err
	}
	var bad []string
	for _, name := range slices.Sorted(maps.Keys(tokens)) {
		if signedBy(tokens[name], old) {
			bad = append(bad, name)
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("these Secrets hold tokens of the old key that nothing renews: %s; delete and recreate them for their users, then run the same command again",
			strings.Join(bad, ", "))
	}
	return nil
}

func publicKey(text []byte) (*ecdsa.PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("reading the service account key: it is damaged")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("reading the service account key: %w", err)
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok {
		return nil, errors.New("reading the service account key: not an ECDSA key")
	}
	return key, nil
}

// signedBy reports whether a JSON web token (ES256) was signed by the key.
func signedBy(token string, key *ecdsa.PublicKey) bool {
	at := strings.LastIndex(token, ".")
	if at < 0 {
		return false
	}
	signature, err := base64.RawURLEncoding.DecodeString(token[at+1:])
	if err != nil || len(signature) != 64 {
		return false
	}
	sum := sha256.Sum256([]byte(token[:at]))
	return ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
}
