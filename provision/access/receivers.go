package access

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Receivers is a client of the hosts that keep backups of etcd in folders: with
// the access of an etcd client, through the sessions with their agents.
func (a *Cluster) Receivers(ctx context.Context) (*http.Client, error) {
	credentials, err := a.issueEtcd(ctx)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(credentials.Cert, credentials.Key.Bytes())
	if err != nil {
		return nil, fmt.Errorf("reading the operator's certificate: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(credentials.CA) {
		return nil, errors.New("reading etcd's CA: no certificate in it")
	}
	return &http.Client{Transport: &http.Transport{DialContext: a.dialVia, ResponseHeaderTimeout: time.Minute,
		TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}}}, nil
}
