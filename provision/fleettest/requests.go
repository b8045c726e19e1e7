package fleettest

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"provision/provision/cluster"
	"provision/provision/resource/cert"
)

// requests are the certificate requests of an API server, for hosts that ask
// and hosts that sign.
type requests struct {
	api  *API
	mu   sync.Mutex
	all  map[string]map[string]any // by name
	news chan struct{}             // is closed with each change
}

// ServeRequests has the API server of a master answer hosts' requests of
// certificates, over TLS, and as the cluster's RBAC objects allow, at its own
// address and where balancers listen.
func (f *Fleet) ServeRequests(master string) (closing func(), err error) {
	h := f.Host(master)
	at := func(path string) string { return filepath.Join(h.Root, "/etc/kubernetes/pki", path) }
	pair, err := tls.LoadX509KeyPair(at("apiserver.crt"), at("apiserver.key"))
	if err != nil {
		return nil, fmt.Errorf("serving as %s: %w", master, err)
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM([]byte(h.Read("/etc/kubernetes/pki/ca.crt")))
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, Time: f.options.Now,
		ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert}
	server := &http.Server{Handler: &requests{api: f.API, all: map[string]map[string]any{}, news: make(chan struct{})},
		ErrorLog: log.New(io.Discard, "", 0)}
	var serving sync.WaitGroup
	for _, address := range []string{h.address + ":6443", "127.0.0.1:6443", "127.0.0.1:7443"} {
		listener, err := from{f.Network, h.address}.Listen(netip.MustParseAddrPort(address))
		if err != nil {
			return nil, err
		}
		serving.Go(func() { _ = server.Serve(tls.NewListener(listener, config)) })
	}
	return func() { _ = server.Close(); serving.Wait() }, nil
}

const requestsPath = "/apis/certificates.k8s.io/v1/certificatesigningrequests"

// ServeHTTP knows the requests that agents make.
func (q *requests) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	who := r.TLS.PeerCertificates[0].Subject
	name, what, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, requestsPath), "/"), "/")
	var object map[string]any
	if r.Method != http.MethodGet && json.NewDecoder(r.Body).Decode(&object) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	_, selector, _ := strings.Cut(r.URL.Query().Get("fieldSelector"), "=")
	spec := asMap(object["spec"])
	allowed := func(role string) bool { return q.allowed(who.CommonName, who.Organization, role) }
	switch {
	case r.Method == http.MethodGet && (allowed("system:node-bootstrapper") || allowed("cluster-admin")):
		if r.URL.Query().Has("watch") {
			q.watch(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"items": q.of(selector)})
		return
	case r.Method == http.MethodPost && allowed("system:node-bootstrapper"):
		spec["username"], spec["groups"] = who.CommonName, append(slices.Clone(who.Organization), "system:authenticated")
		object["metadata"] = map[string]any{}
	case r.Method == http.MethodPut && (what == "approval" || what == "status") && (allowed("cluster-admin") ||
		spec["signerName"] == cert.EtcdSigner && allowed("provision:etcd-signer")):
	default:
		w.WriteHeader(http.StatusForbidden)
		return
	}
	if !q.put(name, object) {
		w.WriteHeader(http.StatusConflict)
		return
	}
	_ = json.NewEncoder(w).Encode(object)
}

// allowed reports whether a binding gives a role to the user or a group of it.
func (q *requests) allowed(user string, groups []string, role string) bool {
	q.api.mu.Lock()
	defer q.api.mu.Unlock()
	for ref, object := range q.api.objects {
		if ref.Kind != "ClusterRoleBinding" || asMap(object["roleRef"])["name"] != role {
			continue
		}
		var subjects struct {
			Subjects []struct{ Kind, Name string }
		}
		if cluster.Decode(object, &subjects) != nil {
			continue
		}
		for _, s := range subjects.Subjects {
			if s.Kind == "User" && s.Name == user || s.Kind == "Group" && slices.Contains(groups, s.Name) {
				return true
			}
		}
	}
	return false
}

// of are the requests to a signer; "": all.
func (q *requests) of(signer string) []map[string]any {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.DeleteFunc(slices.Collect(maps.Values(q.all)), func(o map[string]any) bool {
		return signer != "" && asMap(o["spec"])["signerName"] != signer
	})
}

// put takes a new request, or an answer to one that has no certificate yet.
func (q *requests) put(name string, object map[string]any) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if name == "" {
		name = fmt.Sprint("asked-", len(q.all)+1)
		asMap(object["metadata"])["name"] = name
	}
	if asMap(q.all[name]["status"])["certificate"] != nil {
		return false
	}
	q.all[name] = object
	close(q.news)
	q.news = make(chan struct{})
	return true
}

// watch tells of the requests with a name, or of a signer, and of each change.
func (q *requests) watch(w http.ResponseWriter, r *http.Request) {
	told := map[string]string{}
	field, value, _ := strings.Cut(r.URL.Query().Get("fieldSelector"), "=")
	for {
		var all [][]byte // pipes keep nothing: who reads may be about to put
		q.mu.Lock()
		news := q.news
		for name, object := range q.all {
			text, _ := json.Marshal(map[string]any{"type": "MODIFIED", "object": object})
			meant := field == "metadata.name" && name == value || field == "spec.signerName" && asMap(object["spec"])["signerName"] == value
			if meant && told[name] != string(text) {
				told[name] = string(text)
				all = append(all, text)
			}
		}
		q.mu.Unlock()
		for _, text := range all {
			_, _ = w.Write(text)
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-news:
		case <-r.Context().Done():
			return
		}
	}
}
