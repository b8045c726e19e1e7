package ssh

import "fmt"

// redacted stands for every secret, whatever it holds.
const redacted = "(secret)"

// Secret is a password or passphrase that never prints itself.
type Secret struct{ value string }

// NewSecret wraps a value.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal returns the value, for the wire only.
func (s Secret) Reveal() string { return s.value }

// Empty reports that there is no secret.
func (s Secret) Empty() bool { return s.value == "" }

// Format implements fmt.Formatter for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText keeps secrets out of JSON and logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
