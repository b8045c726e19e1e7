package health

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"provision/provision/agent/api"
)

const (
	probeTime = 5 * time.Second        // of one attempt
	probeGap  = 100 * time.Millisecond // between attempts: a server's readiness cannot be watched
)

// prober asks one URL. It speaks HTTP/1.1 itself: the standard client would be
// a quarter of the agent's size.
type prober struct {
	target *url.URL
	config *tls.Config
}

// Probe waits until a URL of this host answers 200.
func (h *Host) Probe(ctx context.Context, params api.ProbeParams) (api.ProbeResult, error) {
	p, err := h.prober(params)
	if err != nil {
		return api.ProbeResult{}, err
	}
	start := h.Sys.Now()
	deadline := time.NewTimer(params.Within)
	defer deadline.Stop()
	for {
		err := p.ask(ctx)
		if err == nil || params.Shows && showed(err) {
			return api.ProbeResult{Took: h.Sys.Now().Sub(start)}, nil
		}
		select {
		case <-ctx.Done():
			return api.ProbeResult{}, ctx.Err()
		case <-deadline.C:
			return api.ProbeResult{}, &api.Error{Code: api.CodeFailed,
				Message: fmt.Sprintf("%s did not become ready within %s", params.URL, params.Within), Detail: err.Error()}
		case <-time.After(probeGap):
		}
	}
}

// Asker asks a URL of this host once, which must answer 200.
func (h *Host) Asker(url string) (func(context.Context) error, error) {
	p, err := h.prober(api.ProbeParams{URL: url})
	return p.ask, err
}

func (h *Host) prober(params api.ProbeParams) (prober, error) {
	target, err := url.Parse(params.URL)
	if err != nil || (target.Scheme != "http" && target.Scheme != "https") {
		return prober{}, api.BadRequest("URL %q is not http or https", params.URL)
	}
	if err := h.checkOwn(target.Hostname()); err != nil {
		return prober{}, err
	}
	p := prober{target: target}
	if target.Scheme == "http" {
		return p, nil
	}
	p.config = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: target.Hostname()}
	if params.CA == "" {
		return p, nil
	}
	raw, err := h.Sys.Files.ReadFile(params.CA)
	if err != nil {
		return prober{}, fmt.Errorf("probing %s: %w", params.URL, err)
	}
	p.config.RootCAs = x509.NewCertPool()
	if !p.config.RootCAs.AppendCertsFromPEM(raw) {
		return prober{}, fmt.Errorf("probing %s: no certificate in %s", params.URL, params.CA)
	}
	return p, nil
}

// showed reports whether a server showed a certificate that nobody can verify:
// programs that sign theirs themselves are told from those that do not come up
// by that, and no more is asked of them.
func showed(err error) bool {
	var unverified *tls.CertificateVerificationError
	return errors.As(err, &unverified)
}

// ask makes one attempt.
func (p prober) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	conn, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: provision\r\nConnection: close\r\n\r\n",
		p.target.RequestURI(), p.target.Host)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(io.LimitReader(conn, 8192))
	if err != nil && len(answer) == 0 {
		return err
	}
	return judge(string(answer))
}

func (p prober) connect(ctx context.Context) (net.Conn, error) {
	port := p.target.Port()
	if port == "" {
		port = p.target.Scheme
	}
	address := net.JoinHostPort(p.target.Hostname(), port)
	if p.config == nil {
		return (&net.Dialer{}).DialContext(ctx, "tcp", address)
	}
	return (&tls.Dialer{Config: p.config}).DialContext(ctx, "tcp", address)
}

// judge accepts status 200 and shows anything else.
func judge(answer string) error {
	head, body, _ := strings.Cut(answer, "\r\n\r\n")
	line, _, _ := strings.Cut(head, "\r\n")
	version, status, ok := strings.Cut(line, " ")
	if !ok || !strings.HasPrefix(version, "HTTP/1.") {
		return errors.New("the answer is not HTTP")
	}
	if code, _, _ := strings.Cut(status, " "); code == "200" {
		return nil
	}
	return errors.New(strings.TrimSpace(status + "\n" + body))
}

// checkOwn refuses URLs that do not point to this host.
func (h *Host) checkOwn(host string) error {
	if host == "localhost" {
		return nil
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return api.BadRequest("host %q is not an IP address", host)
	}
	if err := h.Allowed(address); err != nil {
		return fmt.Errorf("probing: %w", err)
	}
	return nil
}
