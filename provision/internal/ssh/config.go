package ssh

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/kevinburke/ssh_config"
)

// maxJumps ends ProxyJump loops.
const maxJumps = 8

// config is the operator's ~/.ssh/config.
type config struct {
	file *ssh_config.Config
	home string
}

// configEntry is what the config says about a host.
type configEntry struct {
	hostName, user            string
	port                      int
	identityFiles, knownHosts []string
	identitiesOnly            bool
	proxyJump                 string
	proxyCommand              bool
}

// readConfig returns nil when there is no file.
func readConfig(file, home string) (*config, error) {
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	parsed, err := ssh_config.DecodeBytes(content)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	return &config{file: parsed, home: home}, nil
}

// entry merges what is said about the name and, after it, about the address.
func (c *config) entry(name, address string) (configEntry, error) {
	var e configEntry
	var failed error
	all := func(key string) []string {
		for _, alias := range []string{name, address} {
			if alias == "" {
				continue
			}
			values, err := c.file.GetAll(alias, key)
			if err != nil {
				failed = err
			}
			if len(values) > 0 {
				return values
			}
		}
		return nil
	}
	one := func(key string) string {
		if values := all(key); len(values) > 0 {
			return values[0]
		}
		return ""
	}
	e.user, e.proxyJump = one("User"), one("ProxyJump")
	if strings.EqualFold(e.proxyJump, "none") {
		e.proxyJump = ""
	}
	e.hostName = strings.NewReplacer("%%", "%", "%h", name).Replace(one("HostName"))
	if port := one("Port"); port != "" {
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil || number == 0 {
			return e, fmt.Errorf("port %q is no port", port)
		}
		e.port = int(number)
	}
	target := e.hostName
	if target == "" {
		target = name
	}
	tokens := strings.NewReplacer("%%", "%", "%d", c.home, "%h", target, "%n", name, "%r", e.user)
	for _, file := range all("IdentityFile") {
		e.identityFiles = append(e.identityFiles, expandHome(tokens.Replace(unquote(file)), c.home))
	}
	for _, file := range strings.Fields(one("UserKnownHostsFile")) {
		e.knownHosts = append(e.knownHosts, expandHome(tokens.Replace(unquote(file)), c.home))
	}
	e.identitiesOnly = strings.EqualFold(one("IdentitiesOnly"), "yes")
	command := one("ProxyCommand")
	e.proxyCommand = command != "" && !strings.EqualFold(command, "none") && e.proxyJump == ""
	return e, failed
}

// hops resolves "user@a:22,b": each may be an alias, and the first may itself
// have a ProxyJump.
func (c *config) hops(jump string, depth int) ([]Hop, error) {
	if jump == "" {
		return nil, nil
	}
	if depth >= maxJumps {
		return nil, fmt.Errorf("ProxyJump %s of ~/.ssh/config leads in a circle", jump)
	}
	var hops []Hop
	for i, text := range strings.Split(jump, ",") {
		hop, err := parseJump(strings.TrimSpace(text))
		if err != nil {
			return nil, err
		}
		entry, err := c.entry(hop.Address, "")
		if err != nil {
			return nil, err
		}
		if i == 0 {
			before, err := c.hops(entry.proxyJump, depth+1)
			if err != nil {
				return nil, err
			}
			hops = append(hops, before...)
		}
		if entry.hostName != "" {
			hop.Address = entry.hostName
		}
		if hop.Port == 0 {
			hop.Port = entry.port
		}
		if hop.User == "" {
			hop.User = entry.user
		}
		hop.IdentityFiles = entry.identityFiles
		hops = append(hops, hop)
	}
	return hops, nil
}

// parseJump reads "[user@]host[:port]" or "ssh://[user@]host[:port]".
func parseJump(text string) (Hop, error) {
	rest := strings.TrimSuffix(strings.TrimPrefix(text, "ssh://"), "/")
	var hop Hop
	if i := strings.LastIndex(rest, "@"); i >= 0 {
		hop.User, rest = rest[:i], rest[i+1:]
	}
	hop.Address = strings.Trim(rest, "[]")
	if host, port, err := net.SplitHostPort(rest); err == nil {
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil || number == 0 {
			return Hop{}, fmt.Errorf("ProxyJump %q: %q is no port", text, port)
		}
		hop.Address, hop.Port = host, int(number)
	}
	if hop.Address == "" {
		return Hop{}, fmt.Errorf("ProxyJump %q names no host", text)
	}
	return hop, nil
}

func unquote(text string) string { return strings.Trim(text, `"`) }
