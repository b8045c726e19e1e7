package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// redacted stands for every secret, whatever it holds.
const redacted = "(secret)"

// Value is a secret that never shows itself. The content is behind a pointer,
// because fmt does not ask the methods of unexported fields: it then prints an
// address.
type Value struct{ text *string }

// New wraps a text.
func New(text string) Value { return Value{&text} }

// Of wraps bytes.
func Of(content []byte) Value { return New(string(content)) }

// Reveal returns the content, for its use only.
func (v Value) Reveal() string {
	if v.text == nil {
		return ""
	}
	return *v.text
}

// Bytes is Reveal for what takes bytes.
func (v Value) Bytes() []byte { return []byte(v.Reveal()) }

// Empty reports that there is no secret.
func (v Value) Empty() bool { return v.Reveal() == "" }

// IsZero lets JSON leave out what is empty ("omitzero").
func (v Value) IsZero() bool { return v.Empty() }

// Equal compares contents, in a time that tells nothing of them.
func (v Value) Equal(other Value) bool {
	return subtle.ConstantTimeCompare(v.Bytes(), other.Bytes()) == 1
}

// Keyed is the HMAC-SHA256 of a text under the value, in hex: a digest that
// nobody without the value can find the text of by trying.
func (v Value) Keyed(text string) string {
	mac := hmac.New(sha256.New, v.Bytes())
	mac.Write([]byte(text)) // never fails
	return hex.EncodeToString(mac.Sum(nil))
}

// String implements fmt.Stringer.
func (v Value) String() string { return redacted }

// GoString implements fmt.GoStringer.
func (v Value) GoString() string { return redacted }

// Format implements fmt.Formatter, for every verb.
func (v Value) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText keeps secrets out of JSON, YAML and structured logs.
func (v Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalText refuses: what was written is "(secret)" and not the secret.
func (v *Value) UnmarshalText([]byte) error {
	return errors.New("a secret is not read from where it is shown")
}

// Wire is a secret that crosses the connection to a host, or stays in a spec on
// its way there: its JSON is the content (base64). Everything else about it is
// a Value's, so nothing but a JSON encoder shows it.
type Wire struct{ Value }

// OnWire makes a value one that JSON carries.
func OnWire(v Value) Wire { return Wire{v} }

// MarshalJSON writes the content.
func (w Wire) MarshalJSON() ([]byte, error) { return json.Marshal(w.Bytes()) }

// UnmarshalJSON reads it back.
func (w *Wire) UnmarshalJSON(raw []byte) error {
	var content []byte
	if err := json.Unmarshal(raw, &content); err != nil {
		return errors.New("reading a secret: not base64") // the cause could quote it
	}
	w.Value = Of(content)
	return nil
}
