package etcd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"provision/provision/cluster"
)

// MemberStatus is a member's health, for people and JSON.
type MemberStatus struct {
	cluster.Member
	Endpoint string `json:"endpoint,omitempty"`
	Healthy  bool   `json:"healthy"`
	Reason   string `json:"reason,omitempty"` // why it is not healthy
	Leader   bool   `json:"leader,omitempty"`
	Version  string `json:"version,omitempty"`
	DBSize   int64  `json:"db_size,omitempty"`
	DBInUse  int64  `json:"db_in_use,omitempty"`
	Index    uint64 `json:"index,omitempty"` // applied raft index
	// Revision is that of the newest change the member has.
	Revision int64 `json:"revision,omitempty"`
	// Lag is how many entries the member is behind the one that is furthest.
	Lag uint64 `json:"lag,omitempty"`
	// Alarms are NOSPACE and CORRUPT, and others that etcd may raise.
	Alarms []string `json:"alarms,omitempty"`
}

// Status asks every member for its own view, all at once. It fails only when
// no quorum answers; a single member that is down is in the result.
func (c *Client) Status(ctx context.Context) ([]MemberStatus, error) {
	members, err := c.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing etcd members: %w", err)
	}
	statuses := make([]MemberStatus, len(members))
	var group sync.WaitGroup
	for i, member := range members {
		group.Go(func() { statuses[i] = c.ask(ctx, member) })
	}
	group.Wait()
	var furthest uint64
	for _, status := range statuses {
		furthest = max(furthest, status.Index)
	}
	for i := range statuses {
		if statuses[i].Index > 0 {
			statuses[i].Lag = furthest - statuses[i].Index
		}
	}
	return statuses, nil
}

func (c *Client) ask(ctx context.Context, member cluster.Member) MemberStatus {
	status := MemberStatus{Member: member, Endpoint: c.endpoint(member)}
	if status.Endpoint == "" {
		status.Reason = "it has not started yet"
		return status
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	answer, err := c.client.Status(ctx, status.Endpoint)
	if err != nil {
		status.Reason = err.Error()
		return status
	}
	status.Leader = answer.Leader != 0 && answer.Leader == answer.Header.GetMemberId()
	status.Version, status.Index = answer.Version, answer.RaftAppliedIndex
	status.DBSize, status.DBInUse = answer.DbSize, answer.DbSizeInUse
	status.Alarms, status.Revision = alarms(answer.Errors), answer.Header.GetRevision()
	switch {
	case answer.Leader == 0:
		status.Reason = "it sees no leader"
	case len(answer.Errors) > 0:
		status.Reason = fmt.Sprint(answer.Errors)
	default:
		status.Healthy = true
	}
	return status
}

// alarms are the names in texts such as "memberID:10 alarm:NOSPACE ".
func alarms(errors []string) []string {
	var names []string
	for _, text := range errors {
		for _, word := range strings.Fields(text) {
			if name, ok := strings.CutPrefix(word, "alarm:"); ok && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// endpoint prefers a URL that we were given: members also announce loopback.
func (c *Client) endpoint(member cluster.Member) string {
	for _, url := range member.ClientURLs {
		for _, given := range c.options.Endpoints {
			if url == given {
				return url
			}
		}
	}
	if len(member.ClientURLs) > 0 {
		return member.ClientURLs[0]
	}
	return ""
}

// MoveLeader makes another healthy voter the leader, if the named member is it.
func (c *Client) MoveLeader(ctx context.Context, name string) error {
	statuses, err := c.Status(ctx)
	if err != nil {
		return err
	}
	var leader, heir *MemberStatus
	for i := range statuses {
		status := &statuses[i]
		switch {
		case status.Leader && status.Name == name:
			leader = status
		case status.serves() && !status.Learner && (heir == nil || status.Index > heir.Index):
			heir = status
		}
	}
	if leader == nil {
		return nil
	}
	if heir == nil {
		return fmt.Errorf("cannot move etcd's leader away from %s: no other voter is healthy", name)
	}
	// Only the leader itself takes this request.
	config := c.config
	config.Endpoints = []string{leader.Endpoint}
	direct, err := clientv3.New(config)
	if err != nil {
		return fmt.Errorf("preparing the etcd client: %w", err)
	}
	defer direct.Close()
	if _, err := direct.MoveLeader(ctx, heir.ID); err != nil {
		return fmt.Errorf("moving etcd's leader from %s to %s: %w", name, heir.Name, err)
	}
	return nil
}

// ClusterID is the id that etcd gave itself when it formed.
func (c *Client) ClusterID(ctx context.Context) (uint64, error) {
	response, err := c.client.MemberList(ctx)
	if err != nil {
		return 0, err
	}
	return response.Header.GetClusterId(), nil
}
