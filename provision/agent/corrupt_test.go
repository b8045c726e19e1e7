package agent

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/provision/agent/api"
	"provision/test/corrupt"
)

// An operator's requests are decoded strictly or refused.
func TestDamagedRequests(t *testing.T) {
	sample := []byte(`{"epoch":4,"resource":{"address":"m1/file[\"/etc/x\"]","spec":{"content":"x"},"triggers":[{"unit":"x.service","action":"restart"}]},"act":true}`)
	corrupt.Feed(t, 2, func(in []byte) bool {
		called := false
		all := map[string]handler{}
		on(all, api.Apply, func(context.Context, api.ApplyParams) (api.ApplyResult, error) {
			called = true
			return api.ApplyResult{}, nil
		})
		_, err := all[api.Apply.Name](t.Context(), json.RawMessage(in))
		assert.Equal(t, err == nil, called)
		return called
	}, sample)
}
