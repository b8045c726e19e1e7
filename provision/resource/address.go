package resource

import (
	"fmt"
	"strconv"
	"strings"
)

// ClusterHost is the host part of the address of a cluster-scoped resource.
const ClusterHost = "cluster"

// Address names a resource everywhere: in plans, JSON, events, the ledger and
// -target. Its text form is HOST/KIND["NAME"], for example
// m1/file["/etc/hosts"] or cluster/node["m1"].
type Address struct {
	Host string
	Kind string
	Name string
}

// String returns the text form of the address.
func (a Address) String() string {
	return a.Host + "/" + a.Kind + "[" + strconv.Quote(a.Name) + "]"
}

// ID is the address without its host: KIND["NAME"]. It is the key in a host's
// ledger.
func (a Address) ID() string { return a.Kind + "[" + strconv.Quote(a.Name) + "]" }

// IsCluster reports whether the address names a cluster-scoped resource.
func (a Address) IsCluster() bool { return a.Host == ClusterHost }

// MarshalText implements encoding.TextMarshaler, so that addresses are plain
// strings in JSON, also as map keys.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *Address) UnmarshalText(text []byte) error {
	parsed, err := ParseAddress(string(text))
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

// ParseAddress parses the text form HOST/KIND["NAME"].
func ParseAddress(text string) (Address, error) {
	bad := func(why string) (Address, error) {
		return Address{}, fmt.Errorf("cannot read address %q: %s; write HOST/KIND[\"NAME\"]", text, why)
	}
	host, rest, ok := strings.Cut(text, "/")
	if !ok || host == "" {
		return bad("no host before a slash")
	}
	kind, quoted, ok := strings.Cut(rest, "[")
	if !ok || kind == "" || strings.ContainsAny(kind, "/\"]") {
		return bad("no kind before a bracket")
	}
	quoted, ok = strings.CutSuffix(quoted, "]")
	if !ok {
		return bad("no closing bracket")
	}
	name, err := strconv.Unquote(quoted)
	if err != nil || name == "" || !strings.HasPrefix(quoted, `"`) {
		return bad("the name is not a quoted string")
	}
	return Address{Host: host, Kind: kind, Name: name}, nil
}
