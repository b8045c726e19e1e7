package inventory

import (
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
)

func stringKind() kind { return of("string", printable) }

// textKind may have several lines: certificates, keys.
func textKind() kind {
	return of("text", func(s string) error { return printable(strings.NewReplacer("\r\n", "", "\n", "").Replace(s)) })
}
func stringsKind() kind { return each("list of strings", printable) }
func boolKind() kind    { return kind{Name: "bool", Type: cty.Bool} }
func anyKind() kind     { return kind{Name: "any", Type: cty.DynamicPseudoType} }

// typeKind marks the one attribute that is a type and not a value.
func typeKind() kind { return kind{Name: "type", Type: cty.DynamicPseudoType} }

func versionKind() kind      { return of("version", checkVersion) }
func versionsKind() kind     { return each("list of versions", checkVersion) }
func userKind() kind         { return of("user name", checkUser) }
func envNameKind() kind      { return of("variable name", checkEnvName) }
func labelValueKind() kind   { return of("label value", checkLabelValue) }
func hostKeyKind() kind      { return of("host key", checkHostKey) }
func domainKind() kind       { return of("DNS domain", checkDomain) }
func endpointKind() kind     { return of("address or DNS name", checkEndpoint) }
func endpointsKind() kind    { return each("list of addresses or DNS names", checkEndpoint) }
func pathKind() kind         { return of("absolute path", checkPath) }
func sizeKind() kind         { return of("size", checkSize) }
func modulesKind() kind      { return each("list of kernel modules", checkModule) }
func proxyModeKind() kind    { return oneOf("nftables", "iptables", "ipvs") }
func swapKind() kind         { return oneOf("off", "ignore") }
func cgroupDriverKind() kind { return oneOf("systemd", "cgroupfs") }
func portKind() kind         { return whole("port", 1, 65535) }
func countKind() kind        { return whole("whole number", 0, 1<<31-1) }
func parallelKind() kind     { return whole("whole number", 1, 1024) }
func prefixKind() kind       { return whole("prefix length", 8, 128) }
func quotaKind() kind        { return whole("bytes", 64<<20, 64<<30) }
func durationKind() kind {
	return of("duration", func(s string) error { _, err := parseDuration(s, 0, 24*time.Hour); return err })
}
func lifeKind() kind {
	return of("duration", func(s string) error { _, err := parseDuration(s, time.Hour, 100*365*24*time.Hour); return err })
}
func cidrsKind() kind {
	return each("list of CIDRs", func(s string) error { _, err := parseCIDR(s); return err })
}
func cidrKind() kind { return of("CIDR", func(s string) error { _, err := parseCIDR(s); return err }) }
func addressKind() kind {
	return of("IP address", func(s string) error { _, err := parseAddress(s); return err })
}
func rolesKind(known []Role) kind {
	return each("list of roles", func(s string) error { return checkRole(known, s) })
}
func labelsKind() kind { return pairs("map of labels", checkLabel) }
func taintsKind() kind {
	return each("list of taints", func(s string) error { _, err := parseTaint(s); return err })
}
func argsKind() kind    { return pairs("map of flags", checkFlag) }
func sysctlsKind() kind { return pairs("map of sysctls", checkSysctl) }

func objectKind() kind {
	return kind{Name: "object", Type: cty.DynamicPseudoType, Check: func(v cty.Value) error {
		if !v.Type().IsObjectType() && !v.Type().IsMapType() {
			return fmt.Errorf("must be an object, as { field = value }")
		}
		return nil
	}}
}

func mirrorsKind() kind {
	return kind{Name: "map of lists", Type: cty.Map(cty.List(cty.String)), Check: func(v cty.Value) error {
		for it := v.ElementIterator(); it.Next(); {
			registry, list := it.Element()
			if list.IsNull() {
				return fmt.Errorf("the mirrors of %s are null", quote(registry.AsString()))
			}
			if err := each("", checkMirror).Check(list); err != nil {
				return err
			}
		}
		return nil
	}}
}

func words(roles []Role) []string {
	out := make([]string, 0, len(roles))
	for _, r := range roles {
		out = append(out, string(r))
	}
	return out
}

func checkRole(known []Role, s string) error {
	if slices.Contains(known, Role(s)) {
		return nil
	}
	roles := words(known)
	return fmt.Errorf("nothing uses the role %s; the roles are %s%s", quote(s), strings.Join(roles, ", "), didYouMean(s, roles))
}

func parseDuration(s string, least, most time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%s is not a duration; write it as 500ms, 10s, 5m or 8760h", quote(s))
	}
	if d < least || d > most {
		return 0, fmt.Errorf("%s is out of bounds: from %s to %s", quote(s), least, most)
	}
	return d, nil
}

func parseAddress(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("%s is not an IP address", quote(s))
	}
	return a.Unmap(), nil
}

func parseCIDR(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%s is not a CIDR; write it as 10.32.0.0/12", quote(s))
	}
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("%s has bits set behind its prefix; did you mean %q?", quote(s), p.Masked())
	}
	return p, nil
}

// goValue turns a value into what encoding/json would have made of it; whole
// numbers stay whole.
func goValue(v cty.Value) any {
	if v.IsNull() || !v.IsKnown() {
		return nil
	}
	t := v.Type()
	switch {
	case t == cty.String:
		return v.AsString()
	case t == cty.Bool:
		return v.True()
	case t == cty.Number:
		return goNumber(v.AsBigFloat())
	case t.IsObjectType() || t.IsMapType():
		out := map[string]any{}
		for it := v.ElementIterator(); it.Next(); {
			k, e := it.Element()
			out[k.AsString()] = goValue(e)
		}
		return out
	case t.IsTupleType() || t.IsListType() || t.IsSetType():
		out := []any{}
		for it := v.ElementIterator(); it.Next(); {
			_, e := it.Element()
			out = append(out, goValue(e))
		}
		return out
	}
	return nil
}

func goNumber(f *big.Float) any {
	if n, accuracy := f.Int64(); accuracy == big.Exact {
		return n
	}
	n, _ := f.Float64()
	return n
}
