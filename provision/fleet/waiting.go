package fleet

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"provision/provision/event"
)

// impatience is after how long a run says for which hosts it waits; after that,
// each time as much time has passed again.
const impatience = 10 * time.Second

// waiting tells for whom a run waits, so that nobody takes a slow host for a
// hung program.
type waiting struct {
	o     *Fleet
	what  string
	began time.Time
	over  chan struct{}
	told  sync.WaitGroup

	mu    sync.Mutex
	names map[string]bool
	done  int
}

// Wait begins; stop ends it.
func (f *Fleet) Wait(what string, names []string) *waiting {
	w := &waiting{o: f, what: what, began: time.Now(), over: make(chan struct{}), names: map[string]bool{}}
	for _, name := range names {
		w.names[name] = true
	}
	first := f.Impatience
	if first == 0 {
		first = impatience
	}
	w.told.Go(func() { w.tell(first) })
	return w
}

func (w *waiting) tell(next time.Duration) {
	timer := time.NewTimer(next)
	defer timer.Stop()
	for {
		select {
		case <-w.over:
			return
		case <-timer.C:
		}
		w.mu.Lock()
		names, done := slices.Sorted(maps.Keys(w.names)), w.done
		w.mu.Unlock()
		if len(names) > 0 {
			passed := time.Since(w.began)
			w.o.Emit(event.Event{Type: event.Note, Text: fmt.Sprintf("Waiting for %s (%s), for %s so far; %d done",
				event.Few(names), w.what, passed.Round(time.Second), done)})
		}
		timer.Reset(next)
		next *= 2
	}
}

// Ready says that a host is no longer waited for.
func (w *waiting) Ready(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.names, name)
	w.done++
}

func (w *waiting) Stop() {
	close(w.over)
	w.told.Wait()
}
