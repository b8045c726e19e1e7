package fleettest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"provision/provision/agent/api"
	"provision/provision/internal/ssh/sshtest"
	"provision/provision/internal/wire"
	"provision/provision/inventory"
)

// Relay is asked about each request to a host's agent; ask has the agent
// answer it.
type Relay func(ctx context.Context, method string, ask func() (json.RawMessage, error)) (any, error)

// Relay has the agent's answers go through a function, for those who connect
// from now on.
func (h *Host) Relay(relay Relay) {
	h.Pretend(func(ctx context.Context, nonce string, in io.Reader, out io.Writer) error {
		return h.relay(ctx, nonce, in, out, relay)
	})
}

// Serving has the services of an inventory's hosts answer, and those of the ill
// ones fail, whenever a run waits for a gate's URL. No service runs on a host of
// a fleet: without it, such a wait ends after minutes, with an error.
func (f *Fleet) Serving(inv *inventory.Inventory, ill ...string) {
	for _, h := range inv.Hosts {
		f.Host(h.Name).Relay(func(_ context.Context, method string, ask func() (json.RawMessage, error)) (any, error) {
			switch {
			case method != api.Probe.Name:
				return ask()
			case slices.Contains(ill, h.Name):
				return nil, &api.Error{Code: api.CodeFailed, Message: "it did not become ready"}
			}
			return api.ProbeResult{}, nil
		})
	}
}

func (h *Host) relay(ctx context.Context, nonce string, in io.Reader, out io.Writer, relay Relay) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	toAgent, asked := io.Pipe()
	answered, fromAgent := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- h.serve(ctx, nonce, sshtest.Exec{Stdin: toAgent, Stdout: fromAgent})
		_ = fromAgent.Close()
	}()
	if _, err := io.ReadFull(answered, make([]byte, len(helloLine(nonce)))); err != nil {
		return fmt.Errorf("starting the agent: %w", err)
	}
	var front *wire.Conn
	inner, err := wire.Operator(struct {
		io.Reader
		io.WriteCloser
	}{answered, asked})
	if err != nil {
		return fmt.Errorf("starting streams: %w", err)
	}
	stream, err := inner.Open()
	if err != nil {
		return fmt.Errorf("opening a stream: %w", err)
	}
	ready := make(chan struct{})
	back := wire.NewConn(ctx, stream, func(ctx context.Context, method string, params json.RawMessage) (any, error) {
		<-ready
		return forward(ctx, front, method, params)
	})
	front, err = Answer(ctx, nonce, in, out, func(ctx context.Context, method string, params json.RawMessage) (any, error) {
		return relay(ctx, method, func() (json.RawMessage, error) { return forward(ctx, back, method, params) })
	})
	if err != nil {
		return err
	}
	close(ready)
	<-front.Done()
	_ = inner.Close()
	_ = back.Close()
	return <-ended
}

func forward(ctx context.Context, to *wire.Conn, method string, params json.RawMessage) (json.RawMessage, error) {
	var result json.RawMessage
	err := to.Call(ctx, method, params, &result)
	return result, err
}

// Answer says hello and has a function answer the operator's requests. The
// connection ends with the input.
func Answer(ctx context.Context, nonce string, in io.Reader, out io.Writer, handler wire.Handler) (*wire.Conn, error) {
	control, err := Control(nonce, in, out)
	if err != nil {
		return nil, err
	}
	return wire.NewConn(ctx, control, handler), nil
}

// Control says hello and returns the stream on which the operator asks.
func Control(nonce string, in io.Reader, out io.Writer) (io.ReadWriteCloser, error) {
	if err := wire.WriteHello(out, nonce); err != nil {
		return nil, err
	}
	mux, err := wire.Agent(wire.Watch(struct{ io.Reader }{in}, struct{ io.Writer }{out}, wire.Silence))
	if err != nil {
		return nil, fmt.Errorf("starting streams: %w", err)
	}
	return mux.Accept()
}

func helloLine(nonce string) string { return "PROVISION/1 " + nonce + "\n" }
