package agent

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"provision/provision/agent/api"
)

const (
	probeTime = 5 * time.Second        // of one attempt
	probeGap  = 100 * time.Millisecond // between attempts: a server's readiness cannot be watched
)

// probe waits until a URL of this host answers 200.
func (s *session) probe(ctx context.Context, params api.ProbeParams) (api.ProbeResult, error) {
	client, err := s.probeClient(params)
	if err != nil {
		return api.ProbeResult{}, err
	}
	defer client.CloseIdleConnections()
	start := s.sys.Now()
	deadline := time.NewTimer(params.Within)
	defer deadline.Stop()
	for {
		err := attempt(ctx, client, params.URL)
		if err == nil {
			return api.ProbeResult{Took: s.sys.Now().Sub(start)}, nil
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

func (s *session) probeClient(params api.ProbeParams) (*http.Client, error) {
	target, err := url.Parse(params.URL)
	if err != nil || (target.Scheme != "http" && target.Scheme != "https") {
		return nil, badRequest("URL %q is not http or https", params.URL)
	}
	if err := s.checkOwn(target.Hostname()); err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if params.CA != "" {
		raw, err := s.sys.Files.ReadFile(params.CA)
		if err != nil {
			return nil, fmt.Errorf("probing %s: %w", params.URL, err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(raw) {
			return nil, fmt.Errorf("probing %s: no certificate in %s", params.URL, params.CA)
		}
	}
	return &http.Client{
		Timeout:       probeTime,
		Transport:     &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

func attempt(ctx context.Context, client *http.Client, target string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	body, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status + "\n" + strings.TrimSpace(string(body)))
	}
	return nil
}
