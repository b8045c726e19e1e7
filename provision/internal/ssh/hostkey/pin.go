package hostkey

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	gossh "golang.org/x/crypto/ssh"
)

// Pin is a host key written into the inventory: a public key, or the SHA256
// fingerprint of one.
type Pin struct {
	key         gossh.PublicKey
	fingerprint string
}

// ParsePin reads "ssh-ed25519 AAAA…", "SHA256:…" or "" (no pin).
func ParsePin(text string) (Pin, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return Pin{}, nil
	}
	if sum, ok := strings.CutPrefix(text, "SHA256:"); ok {
		raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(sum, "="))
		if err != nil || len(raw) != 32 {
			return Pin{}, errors.New(`parsing the host key: "SHA256:" must be followed by 43 base64 characters`)
		}
		return Pin{fingerprint: "SHA256:" + base64.RawStdEncoding.EncodeToString(raw)}, nil
	}
	key, _, _, _, err := gossh.ParseAuthorizedKey([]byte(text))
	if err != nil {
		return Pin{}, fmt.Errorf(`parsing the host key: %w; write "ssh-ed25519 AAAA…" or "SHA256:…"`, err)
	}
	return Pin{key: key}, nil
}

// Empty reports that there is no pin.
func (p Pin) Empty() bool { return p.key == nil && p.fingerprint == "" }

// IsFingerprint reports that the pin does not tell the type of the key.
func (p Pin) IsFingerprint() bool { return p.fingerprint != "" }

// String describes the pin as Describe does.
func (p Pin) String() string {
	if p.key != nil {
		return Describe(p.key)
	}
	return p.fingerprint
}

func (p Pin) matches(key gossh.PublicKey) bool {
	if cert, ok := key.(*gossh.Certificate); ok {
		key = cert.Key
	}
	if p.key != nil {
		return bytes.Equal(p.key.Marshal(), key.Marshal())
	}
	return p.fingerprint != "" && p.fingerprint == gossh.FingerprintSHA256(key)
}

func (p Pin) algorithms() []string {
	if p.key != nil {
		return AlgorithmsOf(p.key.Type())
	}
	var all []string
	for _, keyType := range keyTypes() {
		all = append(all, AlgorithmsOf(keyType)...)
	}
	return all
}

// keyTypes are those that hosts have, best first.
func keyTypes() []string {
	return []string{
		gossh.KeyAlgoED25519, gossh.KeyAlgoECDSA256, gossh.KeyAlgoECDSA384,
		gossh.KeyAlgoECDSA521, gossh.KeyAlgoRSA,
	}
}

// AlgorithmsOf are the signature algorithms of a key type, without SHA-1.
func AlgorithmsOf(keyType string) []string {
	if keyType == gossh.KeyAlgoRSA {
		return []string{gossh.KeyAlgoRSASHA512, gossh.KeyAlgoRSASHA256}
	}
	return []string{keyType}
}
