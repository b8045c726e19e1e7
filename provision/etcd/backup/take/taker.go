package take

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"provision/provision/etcd/backup/config"
	"provision/provision/etcd/backup/prove"
	"provision/provision/etcd/backup/target"
)

// Taker works on one host.
type Taker struct {
	Config   config.Config
	Cluster  string // UUID
	Identity string // folder of the identity's items
	State    string // folder for what waits for a target
	Programs prove.Programs
	Now      func() time.Time
	Log      io.Writer // a line for each thing done
	// Open opens a target.
	Open func(target.Spec) (target.Target, error)
	// Dial opens a client of etcd.
	Dial func(endpoints ...string) (*clientv3.Client, error)
}

func (t *Taker) say(format string, args ...any) { fmt.Fprintf(t.Log, format+"\n", args...) }

// Dialer opens clients of etcd with a pair of files; certificates may be renewed
// while a program runs, so they are read each time.
func Dialer(pair config.Pair) func(endpoints ...string) (*clientv3.Client, error) {
	return func(endpoints ...string) (*clientv3.Client, error) {
		secure, err := TLS(pair)
		if err != nil {
			return nil, err
		}
		client, err := clientv3.New(clientv3.Config{Endpoints: endpoints, TLS: secure, Logger: zap.NewNop(),
			DialTimeout: 5 * time.Second, DialKeepAliveTime: 10 * time.Second, DialKeepAliveTimeout: 5 * time.Second})
		if err != nil {
			return nil, fmt.Errorf("preparing the etcd client: %w", err)
		}
		return client, nil
	}
}

// TLS is how one end shows itself and knows the other.
func TLS(pair config.Pair) (*tls.Config, error) {
	ca, err := os.ReadFile(pair.CA)
	if err != nil {
		return nil, fmt.Errorf("reading etcd's authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("reading etcd's authority: no certificate in %s", pair.CA)
	}
	own, err := tls.LoadX509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate for etcd: %w", err)
	}
	return &tls.Config{RootCAs: pool, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12}, nil
}

// HTTPClient reaches receivers.
func HTTPClient(pair config.Pair) (*http.Client, error) {
	secure, err := TLS(pair)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: secure, DisableCompression: true,
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 10 * time.Minute}}, nil
}

// endpoints are the client URLs of etcd, the own host's first.
func (t *Taker) endpoints() []string {
	var list []string
	if own := t.Config.Endpoints[t.Config.Host]; own != "" {
		list = append(list, own)
	}
	for host, url := range t.Config.Endpoints {
		if host != t.Config.Host {
			list = append(list, url)
		}
	}
	return list
}

// session is a connection to the targets and etcd's keys for one run.
type session struct {
	*Taker
	etcd    *clientv3.Client
	targets map[string]target.Target
	closed  map[string]error // targets that cannot be opened
}

func (t *Taker) open() (*session, error) {
	client, err := t.Dial(t.endpoints()...)
	if err != nil {
		return nil, err
	}
	s := &session{Taker: t, etcd: client, targets: map[string]target.Target{}, closed: map[string]error{}}
	for _, spec := range t.Config.Targets {
		opened, err := t.Open(spec)
		if err != nil {
			s.closed[spec.Name] = err
			continue
		}
		s.targets[spec.Name] = opened
	}
	return s, nil
}

func (s *session) close() error {
	var problems []error
	for _, opened := range s.targets {
		problems = append(problems, opened.Close())
	}
	return errors.Join(append(problems, s.etcd.Close())...)
}

// asking is how long etcd may take to answer about a key.
const asking = 15 * time.Second

func (s *session) get(ctx context.Context, key string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	answer, err := s.etcd.Get(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("reading %s from etcd: %w", key, err)
	}
	if len(answer.Kvs) == 0 {
		return nil, nil
	}
	return answer.Kvs[0].Value, nil
}

func (s *session) put(ctx context.Context, key string, value []byte) error {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	if _, err := s.etcd.Put(ctx, key, string(value)); err != nil {
		return fmt.Errorf("writing %s to etcd: %w", key, err)
	}
	return nil
}
