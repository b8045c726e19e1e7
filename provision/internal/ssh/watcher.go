package ssh

import (
	"bytes"
	"strings"
	"sync"

	"provision/provision/internal/ssh/shell"
)

const (
	tailSize  = 64 << 10
	promptEnd = "?" // after the nonce: sudo asks for the password
	markEnd   = "!" // after the nonce: one of our scripts speaks, to the line's end
)

// event is something said on standard error to us and not to people.
type event struct {
	prompt bool
	word   string // of a script: shell, root, ready, missing, failed
	rest   string
}

// counts tells what a start waits for from what only shows how far it came.
func (e event) counts() bool { return !e.prompt && e.word != shell.Shell && e.word != shell.Root }

// watcher keeps the tail of standard error and takes out what carries the
// nonce. It never blocks the channel.
type watcher struct {
	nonce []byte

	mu     sync.Mutex
	tail   []byte
	carry  []byte // not yet known to be free of a nonce
	events []event
	wake   chan struct{}
	ready  bool
}

func newWatcher(nonce string) *watcher {
	return &watcher{nonce: []byte(nonce), wake: make(chan struct{}, 1)}
}

// Write implements io.Writer.
func (w *watcher) Write(data []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.carry = append(w.carry, data...)
	for w.step() {
	}
	return len(data), nil
}

// step takes one nonce out of carry, if a whole message is there.
func (w *watcher) step() bool {
	i := bytes.Index(w.carry, w.nonce)
	if i < 0 {
		w.keep(len(w.carry) - len(w.nonce) + 1)
		return false
	}
	w.keep(i)
	rest := w.carry[len(w.nonce):]
	switch {
	case len(rest) == 0:
		return false
	case rest[0] == promptEnd[0]:
		w.emit(event{prompt: true})
		w.carry = rest[1:]
	case rest[0] == markEnd[0]:
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			return false
		}
		word, more, _ := strings.Cut(strings.TrimSpace(string(rest[1:end])), " ")
		w.emit(event{word: word, rest: more})
		w.carry = rest[end+1:]
	default:
		w.carry = rest
	}
	return true
}

func (w *watcher) emit(e event) {
	w.ready = w.ready || !e.prompt && e.word != shell.Shell
	w.events = append(w.events, e)
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// keep moves n bytes of carry to the tail.
func (w *watcher) keep(n int) {
	if n <= 0 {
		return
	}
	w.tail = append(w.tail, w.carry[:n]...)
	if extra := len(w.tail) - tailSize; extra > 0 {
		w.tail = append(w.tail[:0], w.tail[extra:]...)
	}
	w.carry = w.carry[n:]
}

// next returns the next event, if there is one.
func (w *watcher) next() (event, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.events) == 0 {
		return event{}, false
	}
	e := w.events[0]
	w.events = w.events[1:]
	return e, true
}

func (w *watcher) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keep(len(w.carry))
}

// text is what people may read.
func (w *watcher) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := string(w.tail)
	if !bytes.Contains(w.carry, w.nonce) {
		text += string(w.carry)
	}
	return strings.TrimSpace(text)
}
