package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// load says what to write, and for how long at most.
type load struct {
	server, ca, token, namespace string
	rate                         int // writes a second
	life                         time.Duration
}

const (
	// objects are written in turn, so that the store stays small.
	objects = 200
	// writers have a connection each: a stall of one does not slow the others.
	writers = 8
	// writeTimeout is how long an acknowledgement may take.
	writeTimeout = 2 * time.Second
	// readyWithin and readWithin bound the first write and the reading back.
	readyWithin = time.Minute
	readWithin  = 2 * time.Minute
)

// writes is what came of a load.
type writes struct {
	Acked   int           `json:"acked"`
	Refused int           `json:"refused"` // not acknowledged: they may have been made or not
	Lost    int           `json:"lost"`    // acknowledged, and not there when read back
	Gap     time.Duration `json:"gap_ns"`  // longest time without an acknowledgement
	Took    time.Duration `json:"took_ns"`
	Last    string        `json:"last"` // the last failure
}

// tally counts while writers write.
type tally struct {
	mu   sync.Mutex
	good time.Time // of the last acknowledgement
	w    writes
}

func (t *tally) acked() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.w.Acked++
	t.w.Gap = max(t.w.Gap, time.Since(t.good))
	t.good = time.Now()
}

func (t *tally) refused(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.w.Refused++
	t.w.Last = err.Error()
}

func (t *tally) lost(n int, what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.w.Lost += n
	t.w.Last = what
}

// write writes until stdin ends or the load's time is over, then reads all back
// and prints what was found. With an address it serves that there instead, to
// whoever asks for it: in a pod there is nobody at the other end of stdin.
func write(ctx context.Context, l load, address string) error {
	a := newAPI(l)
	list, err := begin(ctx, a)
	if err != nil {
		return err
	}
	if address == "" {
		fmt.Println("writing")
		w, err := writeAll(ended(ctx), a, l, list)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(w)
	}
	return serveWrites(ctx, address, func(ctx context.Context) (writes, error) { return writeAll(ctx, a, l, list) })
}

// serveWrites works until somebody asks for what came of it.
func serveWrites(ctx context.Context, address string, work func(context.Context) (writes, error)) error {
	inner, end := context.WithCancel(ctx)
	defer end()
	done := make(chan struct{})
	var w writes
	var failed error
	go func() { // ends with the load, at the latest with the process
		defer close(done)
		w, failed = work(inner)
	}()
	server := &http.Server{Addr: address, ReadHeaderTimeout: 5 * time.Second}
	server.Handler = http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		end()
		select {
		case <-done:
		case <-time.After(3 * time.Second): // whoever asks asks again
			http.Error(out, "still reading back", http.StatusServiceUnavailable)
			return
		}
		if failed != nil {
			http.Error(out, failed.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(out).Encode(w) // the reader's loss
	})
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}

// begin makes the first object, as soon as this client may.
func begin(ctx context.Context, a *api) ([]*object, error) {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	run := strings.ToLower(rand.Text()[:8]) // others may write to the same namespace
	list := make([]*object, objects)
	for i := range list {
		list[i] = &object{name: fmt.Sprintf("%s-%03d", run, i)}
	}
	for {
		err := list[0].write(ctx, a, &tally{})
		if err == nil {
			return list, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("making the first write: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// writeAll writes at the load's rate until the context ends, then reads back. A
// write that is under way is waited for. When all writers are busy a turn is
// left out.
func writeAll(ctx context.Context, a *api, l load, list []*object) (writes, error) {
	limited, cancel := context.WithTimeout(ctx, l.life)
	defer cancel()
	t := &tally{good: time.Now()}
	began := time.Now()
	turns := make(chan struct{})
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for next := w; ; next = (next + writers) % len(list) {
				if _, open := <-turns; !open {
					return
				}
				if err := list[next].write(context.WithoutCancel(ctx), a, t); err != nil {
					t.refused(err)
				}
			}
		})
	}
	ticker := time.NewTicker(time.Second / time.Duration(l.rate))
	defer ticker.Stop()
	for limited.Err() == nil {
		select {
		case <-limited.Done():
		case <-ticker.C:
			select {
			case turns <- struct{}{}:
			default:
			}
		}
	}
	close(turns)
	all.Wait()
	t.w.Gap, t.w.Took = max(t.w.Gap, time.Since(t.good)), time.Since(began)
	if err := readBack(context.WithoutCancel(ctx), a, list, t); err != nil {
		return writes{}, err
	}
	return t.w, nil
}

// readBack compares what was acknowledged with what is there.
func readBack(ctx context.Context, a *api, list []*object, t *tally) error {
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	for {
		stored, err := a.list(ctx)
		if err == nil {
			for _, o := range list {
				o.check(stored[o.name].count, t)
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("reading back what was written: %w", err)
		case <-time.After(500 * time.Millisecond):
		}
	}
}
