package report

import (
	"fmt"
	"io"
	"sort"
	"strings"
	"sync"
	"time"

	"provision/provision/event"
	"provision/provision/resource"
)

// Live redraws a block of one line per busy host below the plain lines. It is
// for terminals only.
func Live(w io.Writer, started time.Time, width int) Progress {
	l := &live{w: w, started: started, width: max(width, 40), hosts: map[string]*hostLine{}, stop: make(chan struct{}), stopped: make(chan struct{})}
	go l.tick()
	return l
}

// frame is how often the block is redrawn at most.
const frame = 100 * time.Millisecond

// rows bounds the block, so that hundreds of hosts do not scroll.
const rows = 12

type hostLine struct {
	done    int
	running map[resource.Address]time.Time
	sent    int64
	total   int64
}

type live struct {
	mu            sync.Mutex
	w             io.Writer
	started       time.Time
	width         int
	hosts         map[string]*hostLine
	drawn         int
	dirty         bool
	stop, stopped chan struct{}
	once          sync.Once
}

func (l *live) Event(e event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dirty = true
	if e.Host != "" {
		l.host(e)
	}
	if text := line(e); text != "" {
		l.erase()
		fmt.Fprintf(l.w, "%6.1fs  %s\n", e.Time.Sub(l.started).Seconds(), text)
	}
}

func (l *live) host(e event.Event) {
	h := l.hosts[e.Host]
	if h == nil {
		h = &hostLine{running: map[resource.Address]time.Time{}}
		l.hosts[e.Host] = h
	}
	switch e.Type {
	case event.StepStarted:
		h.running[*e.Address] = e.Time
	case event.StepDone, event.StepFailed:
		delete(h.running, *e.Address)
		h.done++
	case event.Transfer:
		h.sent, h.total = e.Done, e.Total
	}
}

func (l *live) tick() {
	defer close(l.stopped)
	ticker := time.NewTicker(frame)
	defer ticker.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-ticker.C:
			l.mu.Lock()
			if l.dirty {
				l.erase()
				l.draw()
				l.dirty = false
			}
			l.mu.Unlock()
		}
	}
}

func (l *live) erase() {
	if l.drawn > 0 {
		fmt.Fprintf(l.w, "\x1b[%dA\x1b[J", l.drawn)
		l.drawn = 0
	}
}

func (l *live) draw() {
	names := make([]string, 0, len(l.hosts))
	for name, h := range l.hosts {
		if len(h.running) > 0 || h.sent < h.total {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	var b strings.Builder
	for i, name := range names {
		if i == rows {
			fmt.Fprintf(&b, "  … %d more hosts\n", len(names)-i)
			l.drawn++
			break
		}
		text := []rune("  " + Line(l.hosts[name].text(name)))
		if len(text) >= l.width {
			text = text[:l.width-1]
		}
		b.WriteString(string(text) + "\n")
		l.drawn++
	}
	_, _ = io.WriteString(l.w, b.String()) // a closed terminal must not stop the run
}

func (h *hostLine) text(name string) string {
	text := fmt.Sprintf("%-12s %3d done", name, h.done)
	if h.sent < h.total {
		text += fmt.Sprintf("  sending %d of %d MB", h.sent/1e6, h.total/1e6)
	}
	var oldest resource.Address
	var since time.Time
	for a, t := range h.running {
		if since.IsZero() || t.Before(since) {
			oldest, since = a, t
		}
	}
	if !since.IsZero() {
		text += "  " + oldest.ID()
	}
	return text
}

func (l *live) Close() {
	l.once.Do(func() {
		close(l.stop)
		<-l.stopped
		l.mu.Lock()
		defer l.mu.Unlock()
		l.erase()
	})
}

// Pause clears the block, for who wants to write or ask something.
func (l *live) Pause() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.erase()
	l.dirty = false
}
