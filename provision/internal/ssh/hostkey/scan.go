package hostkey

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	gossh "golang.org/x/crypto/ssh"
)

// DialFunc opens a connection, as net.Dialer.DialContext does.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Key is one key that a host showed. Nothing says yet that it is the right one.
type Key struct {
	Type        string
	Fingerprint string // SHA256:…
	Public      gossh.PublicKey
}

// Pin is the key as the inventory takes it.
func (k Key) Pin() string {
	text := string(gossh.MarshalAuthorizedKey(k.Public))
	return text[:len(text)-1]
}

// scanTimeout bounds one key exchange.
const scanTimeout = 15 * time.Second

// errSeen ends a handshake as soon as the key is known.
var errSeen = errors.New("host key seen")

// Scan returns the keys of the host at address (host:port), one of each type,
// best type first. It logs in nowhere.
func Scan(ctx context.Context, dial DialFunc, address string) ([]Key, error) {
	var keys []Key
	var hungUp error
	for _, keyType := range keyTypes() {
		public, err := scanOne(ctx, dial, address, AlgorithmsOf(keyType))
		if errors.Is(err, io.EOF) {
			// Some servers hang up when no algorithm fits, before they have said
			// so; a busy one hangs up on anybody, once.
			if public, err = scanOne(ctx, dial, address, AlgorithmsOf(keyType)); errors.Is(err, io.EOF) {
				hungUp = err
				continue
			}
		}
		var none *gossh.AlgorithmNegotiationError
		switch {
		case errors.As(err, &none):
			continue
		case err != nil:
			return nil, fmt.Errorf("scanning the host keys of %s: %w", address, err)
		}
		keys = append(keys, Key{Type: public.Type(), Fingerprint: gossh.FingerprintSHA256(public), Public: public})
	}
	if len(keys) == 0 && hungUp != nil {
		return nil, fmt.Errorf("scanning the host keys of %s: it hung up: %w", address, hungUp)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("scanning the host keys of %s: it offers none of the known types", address)
	}
	return keys, nil
}

func scanOne(ctx context.Context, dial DialFunc, address string, algorithms []string) (gossh.PublicKey, error) {
	ctx, cancel := context.WithTimeout(ctx, scanTimeout)
	defer cancel()
	conn, err := dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	var seen gossh.PublicKey
	client, err := Handshake(conn, address, &gossh.ClientConfig{
		User:              "provision-scan",
		HostKeyAlgorithms: algorithms,
		HostKeyCallback: func(_ string, _ net.Addr, key gossh.PublicKey) error {
			seen = key
			return errSeen
		},
	}, ctx.Done())
	switch {
	case errors.Is(err, ErrAbandoned):
		return nil, context.Cause(ctx)
	case err == nil:
		_ = client.Close()
	default:
		_ = conn.Close()
	}
	if seen != nil {
		return seen, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, err
}
