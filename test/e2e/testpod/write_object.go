package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// serverName is in the certificate of every API server.
const serverName = "kubernetes.default.svc"

// object is a ConfigMap that counts how often it was written. Each write names
// the version that it replaces, so that a write whose answer was lost and that
// comes late cannot undo a later one.
type object struct {
	name    string
	version string
	sent    int // the last count that was sent
	acked   int // the last count that was acknowledged
	unsure  bool
}

// write counts one up. A write that is not acknowledged may have been made: the
// next turn looks.
func (o *object) write(ctx context.Context, a *api, t *tally) error {
	if o.unsure {
		s, err := a.get(ctx, o.name)
		if err != nil {
			return err
		}
		o.check(s.count, t)
		o.version, o.unsure = s.version, false
	}
	o.sent++
	version, err := a.put(ctx, o.name, o.version, o.sent)
	if err != nil {
		o.unsure = true
		return err
	}
	o.version, o.acked = version, o.sent
	t.acked()
	return nil
}

// check compares with what the API has. Writes that were lost are counted once.
func (o *object) check(stored int, t *tally) {
	if stored < o.acked {
		t.lost(o.acked-stored, fmt.Sprintf("%s: write %d was acknowledged, %d is there", o.name, o.acked, stored))
		o.acked = stored
	}
}

// stored is an object as the API has it; the zero value is none.
type stored struct {
	version string
	count   int
}

// api is the little of the Kubernetes API that is used here.
type api struct {
	load
	client *http.Client
}

// newAPI keeps connections, and reads CA and token anew where they are used:
// both may change meanwhile. HTTP/1.1: a request that gets no answer takes its
// own connection with it, and no other.
func newAPI(l load) *api {
	transport := &http.Transport{MaxIdleConnsPerHost: writers}
	transport.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		raw, err := os.ReadFile(l.ca)
		if err != nil {
			return nil, fmt.Errorf("reading the CA: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(raw) {
			return nil, fmt.Errorf("reading the CA: no certificate in %s", l.ca)
		}
		dialer := &tls.Dialer{Config: &tls.Config{RootCAs: pool, ServerName: serverName, MinVersion: tls.VersionTLS12}}
		return dialer.DialContext(ctx, network, address)
	}
	return &api{load: l, client: &http.Client{Transport: transport, Timeout: writeTimeout}}
}

// configMap is what is sent and read.
type configMap struct {
	Metadata struct {
		Name            string `json:"name"`
		ResourceVersion string `json:"resourceVersion,omitempty"`
	} `json:"metadata"`
	Data map[string]string `json:"data,omitempty"`
}

func (m configMap) stored() stored {
	count, _ := strconv.Atoi(m.Data["count"]) // no number is no write
	return stored{m.Metadata.ResourceVersion, count}
}

// put creates the object, or replaces the version given.
func (a *api) put(ctx context.Context, name, version string, count int) (string, error) {
	var m configMap
	m.Metadata.Name, m.Metadata.ResourceVersion = name, version
	m.Data = map[string]string{"count": strconv.Itoa(count)}
	method, path := http.MethodPut, "/"+name
	if version == "" {
		method, path = http.MethodPost, ""
	}
	var got configMap
	if _, err := a.do(ctx, method, path, m, &got); err != nil {
		return "", err
	}
	return got.Metadata.ResourceVersion, nil
}

// get reads an object that may not be there.
func (a *api) get(ctx context.Context, name string) (stored, error) {
	var got configMap
	code, err := a.do(ctx, http.MethodGet, "/"+name, nil, &got)
	if code == http.StatusNotFound {
		return stored{}, nil
	}
	return got.stored(), err
}

// list reads all.
func (a *api) list(ctx context.Context) (map[string]stored, error) {
	var got struct {
		Items []configMap `json:"items"`
	}
	if _, err := a.do(ctx, http.MethodGet, "", nil, &got); err != nil {
		return nil, err
	}
	all := map[string]stored{}
	for _, m := range got.Items {
		all[m.Metadata.Name] = m.stored()
	}
	return all, nil
}

func (a *api) do(ctx context.Context, method, path string, body, into any) (code int, err error) {
	var content io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return 0, fmt.Errorf("writing the request: %w", err)
		}
		content = bytes.NewReader(raw)
	}
	request, err := http.NewRequestWithContext(ctx, method, a.server+"/api/v1/namespaces/"+a.namespace+"/configmaps"+path, content)
	if err != nil {
		return 0, fmt.Errorf("writing the request: %w", err)
	}
	token, err := os.ReadFile(a.token)
	if err != nil {
		return 0, fmt.Errorf("reading the token: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	request.Header.Set("Content-Type", "application/json")
	answer, err := a.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(answer.Body, 4<<20))
	if err != nil {
		return 0, fmt.Errorf("reading the answer: %w", err)
	}
	if answer.StatusCode/100 != 2 {
		return answer.StatusCode, fmt.Errorf("%s %s: %s: %.200s", method, path, answer.Status, raw)
	}
	return answer.StatusCode, json.Unmarshal(raw, into)
}
