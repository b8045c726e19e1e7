package health

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"os"

	"provision/provision/agent/api"
)

// greeting begins HTTP/2, which gRPC speaks: a server that lives says its
// settings.
const greeting = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// silent reports whether somebody takes connections at the URL and then says
// nothing: what a program does that hangs. Any answer is one, also a refusal
// and a certificate that nobody can verify.
func (h *Host) silent(ctx context.Context, live api.Live) bool {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	target, err := url.Parse(live.URL)
	if err != nil {
		return false
	}
	if target.Scheme == "unix" {
		return timedOut(greet(ctx, h.Sys.Files.Path(target.Path)))
	}
	p, err := h.prober(api.ProbeParams{URL: live.URL, CA: live.CA})
	if err != nil {
		return false
	}
	if p.config != nil && p.config.RootCAs == nil {
		p.config.RootCAs = x509.NewCertPool() // it signed its certificate itself
	}
	return timedOut(p.ask(ctx))
}

// greet waits for the first byte of a gRPC server.
func greet(ctx context.Context, socket string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if end, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(end)
	}
	if _, err := conn.Write([]byte(greeting)); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 1))
	return err
}

// timedOut is true for a full queue of a socket, too: nobody accepts there.
func timedOut(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &network) && network.Timeout()
}
