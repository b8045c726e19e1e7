package source

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"provision/provision/etcd/backup"
)

// Times for asking members; hashing reads a whole database.
const (
	patience = 5 * time.Second
	hashing  = 10 * time.Minute
	rounds   = 3
)

// Dial opens a client of one endpoint.
type Dial func(endpoint string) (*clientv3.Client, error)

// ErrNoQuorum is wrapped when no member answers with the quorum's consent.
var ErrNoQuorum = errors.New("no member of etcd answers with a quorum behind it")

// Choice is the member to take a snapshot from, and what it must agree with.
type Choice struct {
	Member      backup.Member
	EtcdCluster backup.ID
	Members     []backup.Member
	Version     string
	Size        int64 // of its database, bytes
	Checked     backup.Checked
	Compacted   int64
	// Passed are the members that were not taken, with the reason; Problems those
	// reasons that somebody must see to.
	Passed, Problems []string

	endpoint string
	dial     Dial
}

// voter is a member that may serve.
type voter struct {
	backup.Member
	endpoint string
	leader   bool
	size     int64
	version  string
	hash     uint32
	hashed   bool
	compact  int64
}

// Choose finds a voter without alarm that answers a linearizable read itself, and
// compares the followers' data. A member cannot commit while it hashes, so the
// leader is asked only where nobody else can, or where followers differ.
func Choose(ctx context.Context, dial Dial, endpoints map[string]string, own string) (Choice, error) {
	var last error
	for range rounds {
		c, again, err := choose(ctx, dial, endpoints, own)
		if err != nil || !again {
			return c, err
		}
		last = errors.New("etcd was compacted each time while its members were hashed")
	}
	return Choice{}, last
}

func choose(ctx context.Context, dial Dial, endpoints map[string]string, own string) (Choice, bool, error) {
	c := Choice{dial: dial}
	list, corrupt, err := c.members(ctx, endpoints, own)
	if err != nil {
		return c, false, err
	}
	voters := c.voters(ctx, list, corrupt)
	slices.SortStableFunc(voters, func(a, b *voter) int { return rank(a, own) - rank(b, own) })
	voters = slices.DeleteFunc(voters, func(v *voter) bool { return !c.reads(ctx, v) })
	if len(voters) == 0 {
		return c, false, fmt.Errorf("%w: %s", ErrNoQuorum, strings.Join(c.Passed, "; "))
	}
	if again, err := c.compare(ctx, voters); again || err != nil {
		return c, again, err
	}
	for _, v := range voters {
		if v.hashed && v.hash == c.Checked.HashKV && v.compact == c.Compacted {
			c.Member, c.endpoint, c.Size, c.Version = v.Member, v.endpoint, v.size, v.version
			return c, false, c.count(ctx)
		}
	}
	return c, false, errors.New("no member is left to take a snapshot from")
}

// rank: the own member, other followers, and the leader last.
func rank(v *voter, own string) int {
	switch {
	case v.leader:
		return 2
	case v.Name == own:
		return 0
	}
	return 1
}

// members asks one member after the other, the own one first, until one answers
// with a quorum's consent.
func (c *Choice) members(ctx context.Context, endpoints map[string]string, own string) ([]*etcdserverpb.Member, map[uint64]bool, error) {
	names := slices.SortedFunc(maps.Keys(endpoints), func(a, b string) int {
		if a == own || b == own {
			return map[bool]int{true: -1, false: 1}[a == own]
		}
		return strings.Compare(a, b)
	})
	var problems []error
	for _, name := range names {
		list, corrupt, err := c.ask(ctx, endpoints[name])
		if err == nil {
			return list, corrupt, nil
		}
		if errCtx := ctx.Err(); errCtx != nil {
			return nil, nil, errCtx
		}
		problems = append(problems, fmt.Errorf("%s: %w", name, err))
	}
	return nil, nil, fmt.Errorf("%w: %w", ErrNoQuorum, errors.Join(problems...))
}

func (c *Choice) ask(ctx context.Context, endpoint string) ([]*etcdserverpb.Member, map[uint64]bool, error) {
	client, err := c.dial(endpoint)
	if err != nil {
		return nil, nil, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	list, err := client.MemberList(ctx)
	if err != nil {
		return nil, nil, err
	}
	alarms, err := client.AlarmList(ctx)
	if err != nil {
		return nil, nil, err
	}
	corrupt := map[uint64]bool{}
	for _, a := range alarms.Alarms {
		if a.Alarm == etcdserverpb.AlarmType_CORRUPT {
			corrupt[a.MemberID] = true
		}
	}
	c.EtcdCluster = backup.ID(list.Header.ClusterId)
	return list.Members, corrupt, nil
}

func (c *Choice) voters(ctx context.Context, list []*etcdserverpb.Member, corrupt map[uint64]bool) []*voter {
	var voters []*voter
	for _, m := range list {
		v := &voter{Member: backup.Member{Name: m.Name, ID: backup.ID(m.ID), PeerURLs: m.PeerURLs, Learner: m.IsLearner}}
		c.Members = append(c.Members, v.Member)
		switch {
		case corrupt[m.ID]:
			c.problem("member %s has the alarm CORRUPT: its data are not those of the others; remove its member and let apply add it anew", m.Name)
		case m.IsLearner:
			c.pass("member %s is a learner", m.Name)
		case len(m.ClientURLs) == 0:
			c.pass("member %x has not started", m.ID)
		default:
			v.endpoint = m.ClientURLs[0]
			voters = append(voters, v)
		}
	}
	return slices.DeleteFunc(voters, func(v *voter) bool { return !c.status(ctx, v) })
}

func (c *Choice) status(ctx context.Context, v *voter) bool {
	err := c.at(v, func(client *clientv3.Client) error {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		status, err := client.Status(ctx, v.endpoint)
		if err == nil {
			v.leader, v.size, v.version = status.Leader == uint64(v.ID), status.DbSize, status.Version
		}
		return err
	})
	if err != nil {
		c.pass("member %s does not answer: %v", v.Name, err)
	}
	return err == nil
}

// reads does a linearizable read through the member: it has all that was
// acknowledged until now.
func (c *Choice) reads(ctx context.Context, v *voter) bool {
	err := c.at(v, func(client *clientv3.Client) error {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		answer, err := client.Get(ctx, backup.ResultKey, clientv3.WithKeysOnly())
		if err == nil {
			c.Checked.Revision = max(c.Checked.Revision, answer.Header.Revision)
		}
		return err
	})
	if err != nil {
		c.pass("member %s does not reach a quorum: %v", v.Name, err)
	}
	return err == nil
}

// compare hashes followers, one at a time, and the leader when it must. It
// settles hash and compaction; again says that a compaction came between.
func (c *Choice) compare(ctx context.Context, voters []*voter) (again bool, err error) {
	var asked []*voter
	hash := func(v *voter) {
		err := c.at(v, func(client *clientv3.Client) error {
			ctx, cancel := context.WithTimeout(ctx, hashing)
			defer cancel()
			answer, err := client.HashKV(ctx, v.endpoint, c.Checked.Revision)
			if err == nil {
				v.hash, v.compact, v.hashed = answer.Hash, answer.CompactRevision, true
				asked = append(asked, v)
			}
			return err
		})
		if err != nil {
			c.pass("member %s does not hash its data: %v", v.Name, err)
		}
	}
	for _, v := range voters {
		if !v.leader {
			hash(v)
		}
	}
	if len(asked) == 0 || differ(asked) {
		for _, v := range voters {
			if v.leader {
				hash(v)
			}
		}
	}
	if errCtx := ctx.Err(); errCtx != nil {
		return false, errCtx
	}
	if len(asked) == 0 {
		return false, errors.New("no member hashes its data: " + strings.Join(c.Passed, "; "))
	}
	for _, v := range asked {
		if v.compact != asked[0].compact {
			return true, nil
		}
	}
	return false, c.settle(asked)
}

func differ(asked []*voter) bool {
	return slices.ContainsFunc(asked, func(v *voter) bool { return v.hash != asked[0].hash })
}

// settle takes what most members hold.
func (c *Choice) settle(asked []*voter) error {
	count := map[uint32]int{}
	for _, v := range asked {
		count[v.hash]++
	}
	for hash, n := range count {
		if 2*n > len(asked) {
			c.Checked.HashKV, c.Compacted = hash, asked[0].compact
		}
	}
	var others []string
	for _, v := range asked {
		if v.hash != c.Checked.HashKV || 2*count[v.hash] <= len(asked) {
			others = append(others, v.Name)
		}
	}
	if len(others) == len(asked) {
		return fmt.Errorf("members %s hold different data, and none can be told right; stop the API servers and compare etcdutl hashkv of their databases", strings.Join(others, ", "))
	}
	for _, name := range others {
		c.problem("member %s holds other data than the others at revision %d; remove its member and let apply add it anew", name, c.Checked.Revision)
	}
	return nil
}

func (c *Choice) count(ctx context.Context) error {
	client, err := c.dial(c.endpoint)
	if err != nil {
		return err
	}
	defer client.Close()
	answer, err := client.Get(ctx, "\x00", clientv3.WithFromKey(), clientv3.WithCountOnly(), clientv3.WithRev(c.Checked.Revision))
	if err != nil {
		return fmt.Errorf("counting keys at %s: %w", c.Member.Name, err)
	}
	c.Checked.Keys = answer.Count
	return nil
}

func (c *Choice) at(v *voter, do func(*clientv3.Client) error) error {
	client, err := c.dial(v.endpoint)
	if err != nil {
		return err
	}
	defer client.Close()
	return do(client)
}

func (c *Choice) pass(format string, args ...any) {
	c.Passed = append(c.Passed, fmt.Sprintf(format, args...))
}

func (c *Choice) problem(format string, args ...any) {
	c.pass(format, args...)
	c.Problems = append(c.Problems, fmt.Sprintf(format, args...))
}
