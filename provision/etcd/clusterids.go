package etcd

import (
	"context"
	"sync"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
)

// ClusterIDs asks each endpoint for the id of the cluster that its member
// belongs to, all at once and without a quorum. Those that do not answer are
// left out.
func (c *Client) ClusterIDs(ctx context.Context) map[string]uint64 {
	ids := map[string]uint64{}
	c.each(ctx, func(endpoint string, head *etcdserverpb.ResponseHeader) { ids[endpoint] = head.GetClusterId() })
	return ids
}

// Latest is the highest revision that a member which answers has; 0 when none
// does.
func (c *Client) Latest(ctx context.Context) int64 {
	var latest int64
	c.each(ctx, func(_ string, head *etcdserverpb.ResponseHeader) { latest = max(latest, head.GetRevision()) })
	return latest
}

// Value is what a key has; nil when there is none.
func (c *Client) Value(ctx context.Context, key string) ([]byte, error) {
	answer, err := c.client.Get(ctx, key)
	if err != nil || len(answer.Kvs) == 0 {
		return nil, err
	}
	return answer.Kvs[0].Value, nil
}

// each asks all endpoints at once; told is called by one at a time.
func (c *Client) each(ctx context.Context, told func(endpoint string, head *etcdserverpb.ResponseHeader)) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, endpoint := range c.options.Endpoints {
		all.Go(func() {
			answer, err := c.client.Status(ctx, endpoint)
			if err != nil || answer.Header.GetClusterId() == 0 {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			told(endpoint, answer.Header)
		})
	}
	all.Wait()
}
