package keys

import (
	"fmt"

	"provision/provision/agent/api"
	"provision/provision/internal/ledger"
	"provision/provision/internal/system"
)

// leave gives the cluster's identity up, once nothing that the ledger lists is
// left on the host: keys first, so that a host which says that it belongs to
// nobody holds none.
func (k *Store) leave(held *ledger.Ledger, state ledger.State) error {
	if len(state.Entries) > 0 {
		return &api.Error{Code: api.CodeFailed, Message: fmt.Sprintf(
			"the host cannot leave the cluster while it has %d of its things, such as %s", len(state.Entries), state.Entries[0].ID)}
	}
	if err := k.Sys.Files.Remove(system.SparesFile); err != nil {
		return err
	}
	for _, dir := range []string{system.IdentityDir, system.SavedDir, system.HistoryDir} {
		if err := k.Sys.Files.RemoveAll(dir); err != nil {
			return fmt.Errorf("removing %s: %w", dir, err)
		}
	}
	k.Sys.Point("identity removed")
	return held.Leave()
}
