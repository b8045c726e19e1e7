package receiver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"provision/provision/etcd/backup/target"
)

// maxListing bounds the answer to a listing.
const maxListing = 64 << 20

// Remote is a target.Target on another host.
type Remote struct {
	name, host, base string
	client           *http.Client
}

var _ target.Target = (*Remote)(nil)

// New reaches the receiver of a host at https://HOST:PORT.
func New(name, host, base string, client *http.Client) *Remote {
	return &Remote{name: name, host: host, base: base, client: client}
}

// Name implements target.Target.
func (r *Remote) Name() string { return r.name }

// Close implements target.Target.
func (r *Remote) Close() error {
	r.client.CloseIdleConnections()
	return nil
}

// Put implements target.Target.
func (r *Remote) Put(ctx context.Context, name string, content io.ReadSeeker, size int64) error {
	body, err := r.ask(ctx, http.MethodPut, name, io.NopCloser(content), size)
	if err != nil {
		return err
	}
	return body.Close()
}

// Get implements target.Target.
func (r *Remote) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	return r.ask(ctx, http.MethodGet, name, nil, 0)
}

// Delete implements target.Target.
func (r *Remote) Delete(ctx context.Context, name string) error {
	body, err := r.ask(ctx, http.MethodDelete, name, nil, 0)
	if err != nil {
		return err
	}
	return body.Close()
}

// List implements target.Target.
func (r *Remote) List(ctx context.Context, prefix string) ([]target.Info, error) {
	body, err := r.do(ctx, http.MethodGet, listing+"?prefix="+url.QueryEscape(prefix), nil, 0)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	var list []target.Info
	if err := json.NewDecoder(io.LimitReader(body, maxListing)).Decode(&list); err != nil {
		return nil, fmt.Errorf("host %s: listing: %w", r.host, err)
	}
	list = slices.DeleteFunc(list, func(i target.Info) bool { return target.CheckName(i.Name) != nil || !strings.HasPrefix(i.Name, prefix) })
	slices.SortFunc(list, func(a, b target.Info) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func (r *Remote) ask(ctx context.Context, method, name string, body io.Reader, size int64) (io.ReadCloser, error) {
	if err := target.CheckName(name); err != nil {
		return nil, err
	}
	return r.do(ctx, method, (&url.URL{Path: objects + name}).EscapedPath(), body, size)
}

func (r *Remote) do(ctx context.Context, method, path string, body io.Reader, size int64) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, method, r.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("host %s: %w", r.host, err)
	}
	if method == http.MethodPut {
		request.ContentLength = size
		if size == 0 {
			request.Body = http.NoBody
		}
	}
	response, err := r.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("host %s does not take in backups: %w; see provision-etcd-receive.socket there", r.host, err)
	}
	if response.StatusCode < http.StatusMultipleChoices {
		return response.Body, nil
	}
	text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<12))
	_ = response.Body.Close()
	err = fmt.Errorf("host %s: %w", r.host, errors.New(strings.TrimSpace(string(text))))
	if response.StatusCode == http.StatusNotFound {
		err = errors.Join(target.ErrNotFound, err)
	}
	return nil, err
}
