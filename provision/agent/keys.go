package agent

import (
	"context"

	"provision/provision/agent/api"
	"provision/provision/internal/system"
)

// identity is one act of the birth or the copy of a cluster's identity.
func (s *session) identity(_ context.Context, params api.IdentityParams) (api.IdentityResult, error) {
	switch params.Act {
	case "export", "digest-key": // without lock: nothing is written
		state, err := s.state()
		if err != nil {
			return api.IdentityResult{}, err
		}
		return s.keys.Read(state, params)
	}
	held, err := s.writer(params.Epoch)
	if err != nil {
		return api.IdentityResult{}, err
	}
	return s.keys.Act(held, params)
}

// sign issues a certificate with a CA whose key is on this host.
func (s *session) sign(_ context.Context, request system.SignRequest) (api.SignResult, error) {
	state, err := s.state()
	if err != nil {
		return api.SignResult{}, err
	}
	return s.keys.Sign(state, request)
}
