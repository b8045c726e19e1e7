package etcd

import (
	"context"
	"sync"
)

// ClusterIDs asks each endpoint for the id of the cluster that its member
// belongs to, all at once and without a quorum. Those that do not answer are
// left out.
func (c *Client) ClusterIDs(ctx context.Context) map[string]uint64 {
	var mu sync.Mutex
	var all sync.WaitGroup
	ids := map[string]uint64{}
	for _, endpoint := range c.options.Endpoints {
		all.Go(func() {
			answer, err := c.client.Status(ctx, endpoint)
			if err != nil || answer.Header.GetClusterId() == 0 {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			ids[endpoint] = answer.Header.GetClusterId()
		})
	}
	all.Wait()
	return ids
}
