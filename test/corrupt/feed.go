package corrupt

import (
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

// Bounds of one input, generous enough for a busy machine.
const (
	maxTime   = 5 * time.Second
	maxMemory = 64 << 20
)

// Tally counts what a parser did.
type Tally struct{ Inputs, Accepted, Rejected int }

// Add sums up tallies.
func (t Tally) Add(other Tally) Tally {
	return Tally{t.Inputs + other.Inputs, t.Accepted + other.Accepted, t.Rejected + other.Rejected}
}

// Feed gives Many damaged copies of the samples to a parser. Parse says whether
// the parser accepted the input, and fails the test itself when what was made of
// an accepted input breaks the parser's invariant. A panic, or an input that
// takes too long or too much memory, fails the test and shows the input.
func Feed(t *testing.T, seed uint64, parse func(input []byte) bool, samples ...[]byte) Tally {
	t.Helper()
	return FeedN(t, seed, Many, parse, samples...)
}

// FeedN is Feed with another number of inputs, for what needs a process or a
// connection for each.
func FeedN(t *testing.T, seed uint64, n int, parse func(input []byte) bool, samples ...[]byte) Tally {
	t.Helper()
	var tally Tally
	for input := range Inputs(seed, n, samples...) {
		tally.Inputs++
		began, before := time.Now(), allocated()
		if one(t, input, parse) {
			tally.Accepted++
		} else {
			tally.Rejected++
		}
		if took := time.Since(began); took > maxTime {
			t.Fatalf("input %d took %s: %q", tally.Inputs, took, input)
		}
		if used := allocated() - before; used > maxMemory {
			t.Fatalf("input %d took %d bytes of memory: %q", tally.Inputs, used, input)
		}
		if t.Failed() {
			t.Fatalf("input %d: %q", tally.Inputs, input)
		}
	}
	return tally
}

func one(t *testing.T, input []byte, parse func([]byte) bool) bool {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Fatalf("panic: %v\ninput: %q\n%s", p, input, debug.Stack())
		}
	}()
	return parse(input)
}

func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
