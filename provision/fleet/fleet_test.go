package fleet

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"provision/provision/facts"
	"provision/provision/inventory"
)

// session is an agent that only ends.
type session struct {
	Agent
	once sync.Once
	done chan struct{}
}

func newSession() *session { return &session{done: make(chan struct{})} }

func (s *session) Done() <-chan struct{} { return s.done }
func (s *session) Close() error          { s.once.Do(func() { close(s.done) }); return nil }

func over(l *Line) bool {
	select {
	case <-l.Done():
		return true
	default:
		return false
	}
}

func TestALineOutlivesTheSessionsOfAReboot(t *testing.T) {
	first, second := newSession(), newSession()
	l := newLine(first)
	l.Leave()
	assert.NoError(t, first.Close())
	l.Replace(second)
	assert.Same(t, second, l.Session())
	assert.False(t, over(l), "another session came")
	assert.NoError(t, second.Close())
	<-l.Done() // nobody said that this one would end
	assert.NoError(t, l.Close())
}

func TestALineEndsWhenNoOtherSessionComes(t *testing.T) {
	first := newSession()
	l := newLine(first)
	l.Leave()
	assert.NoError(t, first.Close())
	assert.False(t, over(l), "another may come")
	l.Stay()
	assert.True(t, over(l))
	late := newSession()
	assert.NoError(t, l.Close())
	l.Replace(late)
	<-late.Done() // the run is over: nobody needs it
	assert.NoError(t, l.Close())
}

func TestTheNewestRosterOfAKeeperCounts(t *testing.T) {
	f := New(Options{})
	assert.Nil(t, f.Roster())
	assert.Empty(t, f.Known())
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	join := func(name string, role inventory.Role, written time.Time) {
		roster := &facts.Roster{Written: written, Hosts: []facts.RosterHost{{Name: "by " + name}}}
		f.Members[name] = &Member{Host: inventory.Host{Name: name, Roles: []inventory.Role{role}}, Facts: facts.Host{Owned: facts.Owned{Roster: roster}}}
	}
	join("m1", inventory.RoleMaster, day)
	join("m2", inventory.RoleEtcd, day.Add(time.Hour))
	join("n1", inventory.RoleNode, day.Add(2*time.Hour))
	assert.Contains(t, f.Known(), "by m2", "the word of a worker does not count")
	assert.Len(t, f.Known(), 1)
	assert.Equal(t, []string{"m1", "m2", "n1"}, f.Names())
}

func TestSpreadIsBoundedAndEachTellsWhoFailed(t *testing.T) {
	var now, most atomic.Int64
	Spread(make([]struct{}, 3*wide), func(struct{}) {
		n := now.Add(1)
		for {
			was := most.Load()
			if n <= was || most.CompareAndSwap(was, n) {
				break
			}
		}
		now.Add(-1)
	})
	assert.LessOrEqual(t, most.Load(), int64(wide))
	broken := errors.New("broken")
	assert.Equal(t, map[string]error{"b": broken}, Each([]string{"a", "b"}, func(name string) error {
		if name == "b" {
			return broken
		}
		return nil
	}))
}
