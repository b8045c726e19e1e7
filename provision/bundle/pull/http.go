package pull

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// newClient gives up soon where there is no way to the internet.
func newClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: 3 * time.Second}).DialContext
	t.TLSHandshakeTimeout = 5 * time.Second
	t.ResponseHeaderTimeout = 20 * time.Second
	return &http.Client{Transport: t}
}

// prober remembers hosts that did not answer, so that a run asks each once.
type prober struct {
	mu   sync.Mutex
	down map[string]string
}

func newProber() *prober { return &prober{down: map[string]string{}} }

func (pr *prober) reason(host string) (string, bool) {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	why, ok := pr.down[host]
	return why, ok
}

func (pr *prober) mark(host, why string) {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	pr.down[host] = why
}

// get opens a URL. Whatever keeps a server from answering 200 is a pass.
func (p *puller) get(ctx context.Context, address string) (*http.Response, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("reading address %q: %w", address, err)
	}
	if why, down := p.hosts.reason(u.Host); down {
		return nil, pass("%s does not answer: %s", u.Host, why)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("reading address %q: %w", address, err)
	}
	resp, err := p.opts.HTTP.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		p.hosts.mark(u.Host, err.Error())
		return nil, pass("%s does not answer: %s", u.Host, err)
	}
	if u.Scheme == "https" && resp.Request.URL.Scheme != "https" {
		resp.Body.Close()
		return nil, fmt.Errorf("cannot use %s: it redirects to plain HTTP", address)
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		if resp.StatusCode == http.StatusForbidden || resp.StatusCode == http.StatusProxyAuthRequired {
			p.hosts.mark(u.Host, resp.Status) // a proxy that lets nobody through
		}
		return nil, pass("%s: %s", address, resp.Status)
	}
	return resp, nil
}

// getSmall reads a short text.
func (p *puller) getSmall(ctx context.Context, address string, limit int64) ([]byte, error) {
	resp, err := p.get(ctx, address)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, pass("reading %s: %s", address, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("reading %s: more than %d bytes", address, limit)
	}
	return data, nil
}
