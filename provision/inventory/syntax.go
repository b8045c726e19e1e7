package inventory

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"provision/provision/diag"
)

// quote shows a value of the input.
func quote(s string) string { return diag.Quote(s) }

func didYouMean(s string, words []string) string { return diag.DidYouMean(s, words) }

func printable(s string) error {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("%s has a control character or a line break in it", quote(s))
	}
	return nil
}

func matches(s, pattern string) bool {
	return regexp.MustCompile(`\A(?:` + pattern + `)\z`).MatchString(s)
}

func checkVersion(s string) error {
	if matches(s, `(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})(\.(0|[1-9][0-9]{0,5}))(-[0-9A-Za-z.-]{1,64})?`) {
		return nil
	}
	if strings.HasPrefix(s, "v") && checkVersion(s[1:]) == nil {
		return fmt.Errorf("%s: leave the v out: %q", quote(s), s[1:])
	}
	return fmt.Errorf("%s is not a version; write all three numbers, as 1.37.1", quote(s))
}

func checkUser(s string) error {
	if matches(s, `[A-Za-z_][A-Za-z0-9_.-]{0,31}`) {
		return nil
	}
	return fmt.Errorf("%s is not a user name", quote(s))
}

func checkEnvName(s string) error {
	if matches(s, `[A-Za-z_][A-Za-z0-9_]{0,127}`) {
		return nil
	}
	return fmt.Errorf("this is not the name of an environment variable; name the variable that holds the password, do not write the password here")
}

// isLabel is RFC 1123's label.
func isLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func isDomain(s string) bool {
	if len(s) > 253 {
		return false
	}
	for _, part := range strings.Split(s, ".") {
		if !isLabel(part) {
			return false
		}
	}
	return true
}

func checkDomain(s string) error {
	if isDomain(s) {
		return nil
	}
	return fmt.Errorf("%s is not a DNS domain: small letters, digits and '-', in parts of at most 63 joined by dots", quote(s))
}

func checkEndpoint(s string) error {
	if _, err := netip.ParseAddr(s); err == nil {
		return nil
	}
	// A name of digits and dots only is an address with a mistake in it.
	if isDomain(s) && strings.ContainsFunc(s, unicode.IsLetter) {
		return nil
	}
	return fmt.Errorf("%s is neither an IP address nor a DNS name", quote(s))
}

func checkMirror(s string) error {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return fmt.Errorf("%s is not the URL of a mirror; write it as https://mirror.example", quote(s))
	}
	if u.User != nil {
		return fmt.Errorf("the URL of a mirror must not hold a password")
	}
	return printable(s)
}

func checkPath(s string) error {
	if !strings.HasPrefix(s, "/") || len(s) > 255 || s == "/" || slices.Contains(strings.Split(s, "/"), "..") {
		return fmt.Errorf("%s is not an absolute path below /", quote(s))
	}
	return printable(s)
}

func checkModule(s string) error {
	if matches(s, `[A-Za-z0-9_-]{1,64}`) {
		return nil
	}
	return fmt.Errorf("%s is not the name of a kernel module", quote(s))
}

// checkSize takes what journald.conf(5) does, from 1M on: less than that loses
// lines as they come.
func checkSize(s string) error {
	if matches(s, `[1-9][0-9]{0,5}[MGT]`) {
		return nil
	}
	return fmt.Errorf("%s is not a size; write it as 500M or 2G", quote(s))
}

func checkSysctl(k, v string) error {
	if !matches(k, `[a-z][A-Za-z0-9_]*([./][A-Za-z0-9_*-]+)+`) || len(k) > 255 {
		return fmt.Errorf("%s is not the name of a sysctl; write it as net.ipv4.ip_forward", quote(k))
	}
	return printable(v)
}

func checkFlag(k, v string) error {
	if strings.HasPrefix(k, "-") {
		return fmt.Errorf("%s: leave the dashes of the flag out", quote(k))
	}
	if !matches(k, `[a-z0-9][A-Za-z0-9_.-]{0,127}`) {
		return fmt.Errorf("%s is not the name of a flag", quote(k))
	}
	return printable(v)
}

func checkHostKey(s string) error {
	if sum, ok := strings.CutPrefix(s, "SHA256:"); ok {
		if b, err := base64.RawStdEncoding.DecodeString(sum); err == nil && len(b) == 32 {
			return nil
		}
		return fmt.Errorf("%s is not a SHA256 fingerprint of 43 letters", quote(s))
	}
	f := strings.Fields(s)
	if len(f) >= 2 && matches(f[0], `(ssh|ecdsa|sk)-[a-z0-9@.-]+`) {
		if b, err := base64.StdEncoding.DecodeString(f[1]); err == nil && len(b) > 4+len(f[0]) && string(b[4:4+len(f[0])]) == f[0] {
			return printable(s)
		}
	}
	return fmt.Errorf("%s is not a host key; write it as \"ssh-ed25519 AAAA…\" or \"SHA256:…\" (`provision hostkeys scan` prints them)", quote(s))
}

func checkLabelValue(s string) error {
	if s == "" || (len(s) <= 63 && matches(s, `[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?`)) {
		return nil
	}
	return fmt.Errorf("%s is not a label value: at most 63 letters, digits, '-', '_' and '.', a letter or digit first and last", quote(s))
}

func checkLabelKey(s string) error {
	prefix, name, ok := strings.Cut(s, "/")
	if !ok {
		name = s
	} else if !isDomain(prefix) {
		return fmt.Errorf("%s is not a key: what stands before the '/' must be a DNS domain", quote(s))
	}
	if name == "" || checkLabelValue(name) != nil {
		return fmt.Errorf("%s is not a key: at most 63 letters, digits, '-', '_' and '.', a letter or digit first and last, after an optional DNS domain and '/'", quote(s))
	}
	return nil
}

func checkLabel(k, v string) error {
	if err := checkLabelKey(k); err != nil {
		return err
	}
	if err := checkLabelValue(v); err != nil {
		return fmt.Errorf("value of %s: %w", quote(k), err)
	}
	return nil
}

func parseTaint(s string) (Taint, error) {
	effects := []string{"NoSchedule", "PreferNoSchedule", "NoExecute"}
	left, effect, ok := cutLast(s, ":")
	if !ok || !slices.Contains(effects, effect) {
		return Taint{}, fmt.Errorf("%s is not a taint; write it as key=value:Effect, the effect one of %s%s", quote(s), strings.Join(effects, ", "), didYouMean(effect, effects))
	}
	key, value, _ := strings.Cut(left, "=")
	if err := checkLabel(key, value); err != nil {
		return Taint{}, fmt.Errorf("taint %s: %w", quote(s), err)
	}
	return Taint{Key: key, Value: value, Effect: effect}, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
