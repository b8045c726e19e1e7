package routes

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
)

const (
	// Protocol marks our routes in the kernel's table. No routing daemon has
	// registered it.
	Protocol = 119
	// Metric of our routes is larger than what people and daemons give theirs: of
	// two routes to one range, theirs counts.
	Metric = 20000
)

// Ways to pods, beside an address.
const (
	ViaNodes    = "nodes"    // each range through its own Node
	ViaGateways = "gateways" // all ranges through each of some Nodes
)

// Config says what a host's routes are made of, and how Nodes are learned.
type Config struct {
	// Pods is the cluster's range: nothing outside of it is ever routed.
	Pods netip.Prefix `json:"pods"`
	// Via is ViaNodes, ViaGateways or the address of a router.
	Via string `json:"via"`
	// Gateways are names of Nodes.
	Gateways []string `json:"gateways,omitempty"`
	// Self is the host's own Node, which needs no route.
	Self string `json:"self,omitempty"`
	// Hops are next hops to Nodes that are not on the host's links.
	Hops []Hop `json:"hops,omitempty"`
	// APIs are the API servers, HOST:PORT, that are asked in turn; CA, Cert and
	// Key are files of PEM. State is where Nodes are kept for the next start.
	APIs  []string `json:"apis"`
	CA    string   `json:"ca"`
	Cert  string   `json:"cert"`
	Key   string   `json:"key"`
	State string   `json:"state"`
}

// Hop is the way to the hosts of a network.
type Hop struct {
	To  netip.Prefix `json:"to"`
	Via netip.Addr   `json:"via"`
}

// ReadConfig reads and checks a file of JSON.
func ReadConfig(path string) (Config, error) {
	var c Config
	content, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(content, &c)
	}
	if err != nil {
		return c, fmt.Errorf("cannot read the configuration %s: %w", path, err)
	}
	if _, err := netip.ParseAddr(c.Via); err != nil && c.Via != ViaNodes && c.Via != ViaGateways {
		return c, fmt.Errorf("cannot use the configuration %s: via is %q, not %s, %s or an address", path, c.Via, ViaNodes, ViaGateways)
	}
	if !c.Pods.IsValid() || len(c.APIs) == 0 || c.State == "" {
		return c, fmt.Errorf("cannot use the configuration %s: pods, apis or state is missing", path)
	}
	return c, nil
}
