package client

import (
	"context"

	"provision/provision/agent/api"
)

// Clock asks for the host's time.
func (s *Session) Clock(ctx context.Context) (api.ClockResult, error) {
	return call[api.ClockResult](ctx, s, api.MethodClock, api.Empty{})
}

// Inspect asks what the host is fit for.
func (s *Session) Inspect(ctx context.Context, params api.InspectParams) (api.InspectResult, error) {
	return call[api.InspectResult](ctx, s, api.MethodInspect, params)
}

// Latency measures synced writes.
func (s *Session) Latency(ctx context.Context, params api.LatencyParams) (api.LatencyResult, error) {
	return call[api.LatencyResult](ctx, s, api.MethodLatency, params)
}

// Listen opens ports for a check of the network.
func (s *Session) Listen(ctx context.Context, params api.ListenParams) (api.ListenResult, error) {
	return call[api.ListenResult](ctx, s, api.MethodListen, params)
}

// Reach connects to ports of other hosts.
func (s *Session) Reach(ctx context.Context, params api.ReachParams) (api.ReachResult, error) {
	return call[api.ReachResult](ctx, s, api.MethodReach, params)
}
