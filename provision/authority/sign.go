package authority

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"

	"provision/provision/agent/api"
	"provision/provision/fleet"
	"provision/provision/internal/system"
	"provision/provision/inventory"
)

// SignFor answers the requests of one host's agent.
func (k *Keys) SignFor(host inventory.Host) fleet.SignFunc {
	return func(ctx context.Context, request system.SignRequest) ([]byte, error) {
		if err := k.Signing.Check(host.Name, request); err != nil {
			return nil, err
		}
		return k.sign(ctx, request)
	}
}

// sign has a certificate signed by a host that holds the key of its CA. The
// key never leaves that host.
func (k *Keys) sign(ctx context.Context, request system.SignRequest) ([]byte, error) {
	item := request.CA + ".key"
	var tried []string
	for _, name := range k.Holders(item) {
		m := k.Fleet.Members[name]
		if m == nil {
			continue
		}
		signed, err := api.Sign.Call(ctx, m.Agent, request)
		if err == nil {
			return signed.Certificate, nil
		}
		tried = append(tried, name+": "+err.Error())
	}
	if len(tried) == 0 {
		return nil, fmt.Errorf("cannot sign a certificate of CA %q: no host that holds its key answered", request.CA)
	}
	return nil, errors.New("cannot sign a certificate of CA " + request.CA + ":\n" + strings.Join(tried, "\n"))
}

func (k *Keys) Holders(item string) []string {
	holders := append([]string(nil), k.Fleet.Decision.Holders[item]...)
	sort.Strings(holders)
	return holders
}
