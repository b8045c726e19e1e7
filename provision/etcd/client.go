package etcd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"provision/provision/cluster"
	"provision/provision/secret"
)

// DialFunc opens a connection to an address of the cluster.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Options say how to reach etcd.
type Options struct {
	Dial      DialFunc
	Endpoints []string // https://ADDRESS:2379
	CA, Cert  []byte   // PEM; all empty for plain http
	Key       secret.Value
}

// Client speaks to one etcd cluster.
type Client struct {
	options Options
	config  clientv3.Config
	client  *clientv3.Client
}

var _ cluster.Members = (*Client)(nil)

// New prepares a client; connections are opened when they are needed.
func New(options Options) (*Client, error) {
	if options.Dial == nil || len(options.Endpoints) == 0 {
		return nil, errors.New("cannot reach etcd: no member is known")
	}
	config := clientv3.Config{
		Endpoints: options.Endpoints,
		Logger:    zap.NewNop(),
		DialOptions: []grpc.DialOption{
			grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
				return options.Dial(ctx, "tcp", address)
			}),
			grpc.WithNoProxy(),
		},
		DialKeepAliveTime: 10 * time.Second, DialKeepAliveTimeout: 5 * time.Second,
	}
	if len(options.CA) > 0 {
		secure, err := tlsConfig(options)
		if err != nil {
			return nil, err
		}
		config.TLS = secure
	}
	client, err := clientv3.New(config)
	if err != nil {
		return nil, fmt.Errorf("preparing the etcd client: %w", err)
	}
	return &Client{options: options, config: config, client: client}, nil
}

func tlsConfig(options Options) (*tls.Config, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(options.CA) {
		return nil, errors.New("reading etcd's CA: no certificate in it")
	}
	pair, err := tls.X509KeyPair(options.Cert, options.Key.Bytes())
	if err != nil {
		return nil, fmt.Errorf("reading the etcd client certificate: %w", err)
	}
	return &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// Close closes all connections.
func (c *Client) Close() error { return c.client.Close() }

// List implements cluster.Members. The list is linearizable: of the quorum.
func (c *Client) List(ctx context.Context) ([]cluster.Member, error) {
	response, err := c.client.MemberList(ctx)
	if err != nil {
		return nil, err
	}
	members := make([]cluster.Member, 0, len(response.Members))
	for _, member := range response.Members {
		members = append(members, convert(member))
	}
	slices.SortFunc(members, func(a, b cluster.Member) int { return slices.Compare(a.PeerURLs, b.PeerURLs) })
	return members, nil
}

func convert(member *etcdserverpb.Member) cluster.Member {
	return cluster.Member{
		ID: member.ID, Name: member.Name, PeerURLs: member.PeerURLs, ClientURLs: member.ClientURLs, Learner: member.IsLearner,
	}
}

// AddLearner implements cluster.Members.
func (c *Client) AddLearner(ctx context.Context, peerURLs []string) (cluster.Member, error) {
	var response *clientv3.MemberAddResponse
	err := settled(ctx, func() (err error) {
		response, err = c.client.MemberAddAsLearner(ctx, peerURLs)
		return err
	})
	if errors.Is(err, rpctypes.ErrTooManyLearners) {
		return cluster.Member{}, fmt.Errorf("another learner has not become a voter yet; members are added one after the other: %w", err)
	}
	if err != nil {
		return cluster.Member{}, err
	}
	if response.Member == nil {
		return cluster.Member{}, errors.New("etcd says that it added a member, and not which")
	}
	return convert(response.Member), nil
}

// Promote implements cluster.Members. A member that votes already is fine.
func (c *Client) Promote(ctx context.Context, id uint64) error {
	_, err := c.client.MemberPromote(ctx, id)
	switch {
	case errors.Is(err, rpctypes.ErrMemberLearnerNotReady):
		return fmt.Errorf("%w: %w", cluster.ErrLearnerBehind, err)
	case errors.Is(err, rpctypes.ErrMemberNotLearner):
		return nil
	}
	return err
}

// Update implements cluster.Members.
func (c *Client) Update(ctx context.Context, id uint64, peerURLs []string) error {
	_, err := c.client.MemberUpdate(ctx, id, peerURLs)
	return err
}

// Remove implements cluster.Members. A member that is gone is fine.
func (c *Client) Remove(ctx context.Context, id uint64) error {
	return settled(ctx, func() error {
		_, err := c.client.MemberRemove(ctx, id)
		if errors.Is(err, rpctypes.ErrMemberNotFound) {
			return nil
		}
		return err
	})
}

// settled asks again while etcd refuses a change for a reason that passes: the
// members must have been connected for five seconds, and an id is made of the
// peer URLs and the second, so that a removed one comes back within a second.
func settled(ctx context.Context, change func() error) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	for {
		err := change()
		if !errors.Is(err, rpctypes.ErrUnhealthy) && !errors.Is(err, rpctypes.ErrMemberNotFound) {
			return err
		}
		timer := time.NewTimer(250 * time.Millisecond)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

// compacted forgives that revisions were dropped already.
func compacted(err error) error {
	if errors.Is(err, rpctypes.ErrCompacted) {
		return nil
	}
	return err
}
