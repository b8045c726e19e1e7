package corrupt

import (
	"bytes"
	"iter"
	"math/rand/v2"
	"strings"
)

// Many is how many inputs each parser must take.
const Many = 10_000

// maxInput bounds what doubling makes of a sample.
const maxInput = 1 << 20

// Inputs yields n damaged copies of the samples; none equals a sample.
func Inputs(seed uint64, n int, samples ...[]byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		r := rand.New(rand.NewPCG(seed, 0x5eed))
		for made := 0; made < n; {
			input := bytes.Clone(samples[r.IntN(len(samples))])
			for range 1 + r.IntN(3) {
				input = damage(r, input, samples)
			}
			if len(input) > maxInput || isSample(input, samples) {
				continue
			}
			made++
			if input == nil {
				input = []byte{} // an empty file, not a missing one
			}
			if !yield(input) {
				return
			}
		}
	}
}

func isSample(input []byte, samples [][]byte) bool {
	for _, s := range samples {
		if bytes.Equal(s, input) {
			return true
		}
	}
	return false
}

// damage makes one change.
func damage(r *rand.Rand, in []byte, samples [][]byte) []byte {
	if len(in) == 0 {
		return append(in, byte(r.IntN(256)))
	}
	from, to := r.IntN(len(in)+1), r.IntN(len(in)+1)
	from, to = min(from, to), max(from, to)
	at := r.IntN(len(in))
	switch r.IntN(12) {
	case 0, 1: // a bit
		in[at] ^= 1 << r.IntN(8)
	case 2: // a byte
		in[at] = byte(r.IntN(256))
	case 3, 4: // cut off
		in = in[:at]
	case 5: // a part is missing
		in = append(in[:from:from], in[to:]...)
	case 6: // a part is doubled
		in = splice(in, to, in[from:to])
	case 7: // a part of a sample
		other := samples[r.IntN(len(samples))]
		if len(other) > 0 {
			x, y := r.IntN(len(other)), r.IntN(len(other))
			in = splice(in, at, other[min(x, y):max(x, y)+1])
		}
	case 8: // a line is doubled, moved or dropped
		in = shuffleLines(r, in)
	case 9: // a number
		in = number(r, in)
	case 10: // what terminals and parsers trip over
		in = splice(in, at, []byte(nasty[r.IntN(len(nasty))]))
	case 11: // noise over a stretch
		for i := from; i < min(to, from+64); i++ {
			in[i] = byte(r.IntN(256))
		}
	}
	return in
}

var nasty = []string{"\x00", "\x1b[2J", "\xff\xfe", "\u202e", "\r\n", "\n\n", "\x7f", "\u0000", "{", "}", "[", "]", "\"", "\\u0000", "null", "..", "/../", "%s%n", ",,", "=", ":", " ", strings.Repeat("9", 40), strings.Repeat("[", 200), strings.Repeat("A", 5000)}

var numbers = []string{"0", "-1", "1e999", "9223372036854775807", "18446744073709551616", "4294967296", "-9223372036854775809", "0x7f", "1.5", "NaN", strings.Repeat("9", 400)}

func splice(in []byte, at int, part []byte) []byte {
	return bytes.Join([][]byte{in[:at], part, in[at:]}, nil)
}

// number replaces a run of digits.
func number(r *rand.Rand, in []byte) []byte {
	isDigit := func(b byte) bool { return b >= '0' && b <= '9' }
	start := r.IntN(len(in))
	for i := range in {
		at := (start + i) % len(in)
		if !isDigit(in[at]) {
			continue
		}
		end := at
		for end < len(in) && isDigit(in[end]) {
			end++
		}
		return bytes.Join([][]byte{in[:at], []byte(numbers[r.IntN(len(numbers))]), in[end:]}, nil)
	}
	return in
}

func shuffleLines(r *rand.Rand, in []byte) []byte {
	lines := bytes.SplitAfter(in, []byte("\n"))
	i, j := r.IntN(len(lines)), r.IntN(len(lines))
	switch r.IntN(3) {
	case 0:
		lines[i], lines[j] = lines[j], lines[i]
	case 1:
		lines = append(lines, lines[i])
	case 2:
		lines[i] = nil
	}
	return bytes.Join(lines, nil)
}
