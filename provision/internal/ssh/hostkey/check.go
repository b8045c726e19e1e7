package hostkey

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/skeema/knownhosts"
	gossh "golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"
)

// UnknownError is a host whose key nobody has accepted.
type UnknownError struct{ Key gossh.PublicKey }

// Error implements error.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("it offers %s, which is in no known_hosts file", Describe(e.Key))
}

// ChangedError is a host that shows another key than the one accepted.
type ChangedError struct {
	Key  gossh.PublicKey // nil when it has no key of an accepted type
	Want []string        // fingerprints of what was accepted
}

// Error implements error.
func (e *ChangedError) Error() string {
	got := "no key of that type"
	if e.Key != nil {
		got = Describe(e.Key)
	}
	return fmt.Sprintf("expected %s, it offers %s", strings.Join(e.Want, " or "), got)
}

// RevokedError is a key, or a certificate's authority, marked @revoked.
type RevokedError struct{ Key gossh.PublicKey }

// Error implements error.
func (e *RevokedError) Error() string {
	return fmt.Sprintf("%s is marked @revoked in known_hosts", Describe(e.Key))
}

// Describe names a key: its type and SHA256 fingerprint.
func Describe(key gossh.PublicKey) string {
	return key.Type() + " " + gossh.FingerprintSHA256(key)
}

// DB is what a set of known_hosts files says. It is safe for concurrent use.
type DB struct{ known *knownhosts.HostKeyDB }

// Load reads known_hosts files; files that do not exist are empty.
func Load(files ...string) (*DB, error) {
	var present []string
	for _, file := range files {
		if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
			continue
		}
		present = append(present, file)
	}
	known, err := knownhosts.NewDB(present...)
	if err != nil {
		return nil, fmt.Errorf("reading known hosts: %w", err)
	}
	return &DB{known: known}, nil
}

// Checker checks the key of one host. Address is host:port as dialled; Name is
// the host's name, under which a host certificate may also be valid. With a
// Pin, known_hosts is only asked for revocations.
type Checker struct {
	DB      *DB
	Address string
	Name    string
	Pin     Pin
}

// Algorithms are those to ask the host for, so that it shows a key that was
// accepted and not another of its keys; nil means the default.
func (c *Checker) Algorithms() []string {
	if !c.Pin.Empty() {
		return c.Pin.algorithms()
	}
	algorithms := c.DB.known.HostKeyAlgorithms(c.Address)
	if named := c.named(); named != "" && len(algorithms) > 0 {
		for _, key := range c.DB.known.HostKeys(named) {
			if key.Cert {
				algorithms = append(certAlgorithms(), algorithms...)
				break
			}
		}
	}
	return algorithms
}

// Check implements the decision.
func (c *Checker) Check(key gossh.PublicKey) error {
	err := c.known(c.Address, key)
	var revoked *RevokedError
	if errors.As(err, &revoked) {
		return err
	}
	if !c.Pin.Empty() {
		if c.Pin.matches(key) {
			return nil
		}
		return &ChangedError{Key: key, Want: []string{c.Pin.String()}}
	}
	if _, isCert := key.(*gossh.Certificate); err != nil && isCert && c.named() != "" {
		// Inventories hold IP addresses; certificates are often for names.
		if named := c.known(c.named(), key); named == nil || errors.As(named, &revoked) {
			return named
		}
	}
	return err
}

func (c *Checker) named() string {
	_, port, err := net.SplitHostPort(c.Address)
	if err != nil || c.Name == "" {
		return ""
	}
	return net.JoinHostPort(c.Name, port)
}

func (c *Checker) known(address string, key gossh.PublicKey) error {
	// The remote address is not consulted when there is an address to check.
	err := c.DB.known.HostKeyCallback()(address, &net.TCPAddr{IP: net.IPv4zero}, key)
	if err == nil {
		return nil
	}
	var revoked *xknownhosts.RevokedError
	var keyErr *xknownhosts.KeyError
	switch {
	case errors.As(err, &revoked):
		return &RevokedError{Key: key}
	case errors.As(err, &keyErr):
		return c.verdict(address, key)
	case isCertificate(key):
		return fmt.Errorf("checking the host certificate: %w", err)
	}
	return fmt.Errorf("checking the host key: %w", err)
}

// verdict tells a changed key from an unknown one: authorities that match the
// host are no earlier keys of it.
func (c *Checker) verdict(address string, key gossh.PublicKey) error {
	var want []string
	for _, known := range c.DB.known.HostKeys(address) {
		if text := Describe(known.PublicKey); !known.Cert && !slices.Contains(want, text) {
			want = append(want, text)
		}
	}
	if len(want) == 0 {
		return &UnknownError{Key: key}
	}
	return &ChangedError{Key: key, Want: want}
}

func isCertificate(key gossh.PublicKey) bool {
	_, ok := key.(*gossh.Certificate)
	return ok
}

func certAlgorithms() []string {
	return []string{
		gossh.CertAlgoED25519v01, gossh.CertAlgoECDSA256v01, gossh.CertAlgoECDSA384v01,
		gossh.CertAlgoECDSA521v01, gossh.CertAlgoRSASHA512v01, gossh.CertAlgoRSASHA256v01,
	}
}
