package routes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

const (
	listPage  = 100              // Nodes of one answer
	listLimit = 30 * time.Second // for one answer
	watchFor  = 5 * time.Minute  // then the watch begins anew, with certificates as they are then
	retryWait = time.Second
	maxEvent  = 4 << 20 // bytes of a Node; etcd takes no more than half of it
)

// Source learns of Nodes from the API: get, list and watch nodes is all that it
// may.
type Source struct {
	Config Config
	// Known is called with all Nodes whenever they are others.
	Known func([]Node)
	// Log is told when the API does not answer, and when it does again.
	Log func(string)
	// Nodes are those known so far, by name.
	Nodes map[string]Node

	version string // of the list, "" when it has to be read anew
	silent  bool
}

// Run follows the API until the context ends. While no API server answers,
// nothing is known to have changed.
func (s *Source) Run(ctx context.Context) {
	turn, failed := 0, 0 // in a row
	for ctx.Err() == nil {
		err := s.follow(ctx, s.Config.APIs[turn%len(s.Config.APIs)])
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			failed = 0
			continue // the same again
		}
		turn, failed = turn+1, failed+1
		if !s.silent && failed >= len(s.Config.APIs) {
			s.silent = true
			s.Log(fmt.Sprintf("no API server tells of Nodes, all routes stay: %v", err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryWait):
		}
	}
}

// follow lists, if need be, and watches one API server until the watch ends.
func (s *Source) follow(ctx context.Context, server string) error {
	client, err := s.client()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	if s.version == "" {
		if err := s.list(ctx, client, server); err != nil {
			return err
		}
	}
	return s.watch(ctx, client, server)
}

// client reads the files each time: certificates are renewed under it.
func (s *Source) client() (*http.Client, error) {
	ca, err := os.ReadFile(s.Config.CA)
	if err != nil {
		return nil, fmt.Errorf("cannot read the cluster's authority: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(s.Config.Cert, s.Config.Key)
	if err != nil {
		return nil, fmt.Errorf("cannot read this host's certificate: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("cannot read the cluster's authority: no certificate in %s", s.Config.CA)
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}}
	return &http.Client{Transport: &http.Transport{
		DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: listLimit,
		TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
	}}, nil
}

// apiNode is what is read of a Node.
type apiNode struct {
	Metadata struct {
		Name            string `json:"name"`
		ResourceVersion string `json:"resourceVersion"`
	} `json:"metadata"`
	Spec struct {
		PodCIDR  string   `json:"podCIDR"`
		PodCIDRs []string `json:"podCIDRs"`
	} `json:"spec"`
	Status struct {
		Addresses []struct {
			Type    string `json:"type"`
			Address string `json:"address"`
		} `json:"addresses"`
	} `json:"status"`
}

// node is a Node as routes need it; what cannot be read is left out, and named
// by Wanted.
func (s *Source) node(from apiNode) Node {
	n := Node{Name: from.Metadata.Name}
	for _, text := range append(from.Spec.PodCIDRs, from.Spec.PodCIDR) {
		if p, err := netip.ParsePrefix(text); err == nil && !n.Pods.IsValid() && p.Addr().Is4() == s.Config.Pods.Addr().Is4() {
			n.Pods = p.Masked()
		}
	}
	for _, a := range from.Status.Addresses {
		if ip, err := netip.ParseAddr(a.Address); err == nil && a.Type == "InternalIP" && !n.Address.IsValid() && ip.Is4() == s.Config.Pods.Addr().Is4() {
			n.Address = ip
		}
	}
	return n
}

// list reads all Nodes, page by page.
func (s *Source) list(ctx context.Context, client *http.Client, server string) error {
	nodes, next := map[string]Node{}, ""
	for {
		var page struct {
			Metadata struct {
				ResourceVersion string `json:"resourceVersion"`
				Continue        string `json:"continue"`
			} `json:"metadata"`
			Items []apiNode `json:"items"`
		}
		query := url.Values{"limit": {fmt.Sprint(listPage)}}
		if next != "" {
			query.Set("continue", next)
		}
		limited, cancel := context.WithTimeout(ctx, listLimit)
		err := ask(limited, client, server, query, func(body io.Reader) error {
			return json.NewDecoder(io.LimitReader(body, listPage*maxEvent)).Decode(&page)
		})
		cancel()
		if err != nil {
			return err
		}
		for _, item := range page.Items {
			nodes[item.Metadata.Name] = s.node(item)
		}
		if next = page.Metadata.Continue; next == "" {
			s.version = page.Metadata.ResourceVersion
			break
		}
	}
	s.answered()
	if len(nodes) == 0 && len(s.Nodes) > 0 {
		s.Log("the API knows no Node at all; all routes stay until it knows one")
		return nil
	}
	s.Nodes = nodes
	s.tell()
	return nil
}

func (s *Source) answered() {
	if s.silent {
		s.silent = false
		s.Log("an API server tells of Nodes again")
	}
}

func (s *Source) tell() {
	list := make([]Node, 0, len(s.Nodes))
	for _, n := range s.Nodes {
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	s.Known(list)
}

// errGone: what happened since the last list is no longer known.
var errGone = errors.New("the API remembers no longer what it told")

// watch takes changes until the server ends it, which is no error.
func (s *Source) watch(parent context.Context, client *http.Client, server string) error {
	ctx, cancel := context.WithTimeout(parent, watchFor+listLimit)
	defer cancel()
	query := url.Values{"watch": {"1"}, "allowWatchBookmarks": {"true"}, "resourceVersion": {s.version}, "timeoutSeconds": {fmt.Sprint(int(watchFor.Seconds()))}}
	err := ask(ctx, client, server, query, func(body io.Reader) error {
		s.answered()
		limited := &io.LimitedReader{R: body}
		events := json.NewDecoder(limited)
		for {
			var event struct {
				Type   string          `json:"type"`
				Object json.RawMessage `json:"object"`
			}
			limited.N = maxEvent
			if err := events.Decode(&event); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			if err := s.take(event.Type, event.Object); err != nil {
				return err
			}
		}
	})
	if errors.Is(err, errGone) {
		s.version = ""
		return nil
	}
	return err
}

// take applies one event.
func (s *Source) take(kind string, object json.RawMessage) error {
	if kind == "ERROR" {
		var status struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		}
		if err := json.Unmarshal(object, &status); err != nil || status.Code == http.StatusGone {
			return errGone
		}
		return fmt.Errorf("the API ended the watch: %s", status.Message)
	}
	var from apiNode
	if err := json.Unmarshal(object, &from); err != nil {
		return fmt.Errorf("cannot read what the API tells of a Node: %w", err)
	}
	s.version = from.Metadata.ResourceVersion
	before, known := s.Nodes[from.Metadata.Name]
	switch kind {
	case "ADDED", "MODIFIED":
		now := s.node(from)
		if known && now == before {
			return nil
		}
		s.Nodes[now.Name] = now
	case "DELETED":
		delete(s.Nodes, from.Metadata.Name)
	default: // BOOKMARK
		return nil
	}
	s.tell()
	return nil
}

// ask gets Nodes and has the body read.
func ask(ctx context.Context, client *http.Client, server string, query url.Values, read func(io.Reader) error) error {
	where := url.URL{Scheme: "https", Host: server, Path: "/api/v1/nodes", RawQuery: query.Encode()}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, where.String(), nil)
	if err != nil {
		return fmt.Errorf("cannot ask the API server %s: %w", server, err)
	}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("cannot ask the API server %s: %w", server, err)
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusGone:
		return errGone
	default:
		return fmt.Errorf("the API server %s refuses to tell of Nodes: %s", server, answer.Status)
	}
	if err := read(answer.Body); err != nil {
		return fmt.Errorf("reading what the API server %s tells: %w", server, err)
	}
	return nil
}
