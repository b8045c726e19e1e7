package resource

import "fmt"

// digest is the unkeyed digest of a secret, from which a weak one could be
// guessed. Unexported fields are not in JSON, and it does not print either.
type digest struct{ sum *string }

// Format implements fmt.Formatter.
func (d digest) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("(digest)")) }

// What is shown of a secret as long as there is no key for its digest.
const (
	someSecret  = "(secret)"
	newSecret   = "(new secret)"
	otherSecret = "(another secret)"
)

// Hidden is the change of a secret, given the digests of the old and the new
// content; "" where there is none. Until it is sealed it tells only that there
// is one.
func Hidden(field, old, new string) Change {
	c := Change{Field: field, Create: old == "", New: newSecret}
	if old != "" {
		c = c.HideOld(old)
		c.New = otherSecret
	}
	if new == "" {
		c.New = ""
		return c
	}
	c.new = digest{&new}
	return c
}

// HideOld returns a copy whose old content is a secret with this digest.
func (c Change) HideOld(old string) Change {
	c.Old, c.old = someSecret, digest{&old}
	return c
}

// Seal returns a copy that shows keyed digests of secrets: who has the key sees
// which secrets are the same, nobody else can find one by trying. Without keyed
// the copy tells only that there are secrets.
func (c Change) Seal(keyed func(text string) string) Change {
	show := func(d digest, text string) string {
		if d.sum == nil || keyed == nil {
			return text
		}
		return "secret " + keyed(*d.sum)[:12]
	}
	c.Old, c.New = show(c.old, c.Old), show(c.new, c.New)
	c.old, c.new = digest{}, digest{}
	return c
}

// SealAll seals changes, in place.
func SealAll(changes []Change, keyed func(text string) string) {
	for i := range changes {
		changes[i] = changes[i].Seal(keyed)
	}
}

// String implements fmt.Stringer: a spec may hold a secret, an address does not.
func (r Resource) String() string { return r.Address.String() }

// GoString implements fmt.GoStringer.
func (r Resource) GoString() string { return r.String() }
