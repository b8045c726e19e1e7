package wire

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadLine(t *testing.T) {
	tests := map[string]struct {
		input string
		want  string
		err   error
	}{
		"line":            {"abc\nrest", "abc", nil},
		"empty line":      {"\n", "", nil},
		"at the bound":    {strings.Repeat("x", 32) + "\n", strings.Repeat("x", 32), nil},
		"over the bound":  {strings.Repeat("x", 33) + "\n", "", ErrTooLong},
		"without an end":  {strings.Repeat("x", 100), "", ErrTooLong},
		"end in a line":   {"abc", "", io.ErrUnexpectedEOF},
		"end between two": {"", "", io.EOF},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ReadLine(bufio.NewReaderSize(strings.NewReader(test.input), 16), 32)
			assert.ErrorIs(t, err, test.err)
			assert.Equal(t, test.want, string(got))
		})
	}
}

func TestAwaitHelloDropsNoise(t *testing.T) {
	tests := map[string]struct {
		input, err string
	}{
		"clean":        {"PROVISION/1 abc\nrest", ""},
		"noise":        {"Welcome!\nPROVISION/1 other\nPROVISION/1 abc\nrest", ""},
		"prompt":       {"$ PROVISION/1 abc\nrest", ""},
		"never":        {"bash: no such file\n", "no such file"},
		"too much":     {strings.Repeat("x", MaxNoise+1), "more than"},
		"nothing":      {"", "unexpected EOF"},
		"wrong number": {"PROVISION/1 abcd\n", "did not start"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			reader := bufio.NewReader(strings.NewReader(test.input))
			err := AwaitHello(reader, "abc")
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				return
			}
			require.NoError(t, err)
			rest, _ := io.ReadAll(reader)
			assert.Equal(t, "rest", string(rest))
		})
	}
}

func TestReadHeaderTakesNoMoreThanItsLine(t *testing.T) {
	reader := strings.NewReader("{\"type\":\"dial\"}\nbytes")
	var header struct{ Type string }
	require.NoError(t, ReadHeader(reader, &header))
	rest, _ := io.ReadAll(reader)
	assert.Equal(t, "dial", header.Type)
	assert.Equal(t, "bytes", string(rest))
	assert.ErrorIs(t, ReadHeader(strings.NewReader(strings.Repeat("x", maxHeader+2)), &header), ErrTooLong)
	assert.Error(t, ReadHeader(strings.NewReader("nonsense\n"), &header))
}

func TestSilenceEndsAWatchedPipe(t *testing.T) {
	in, feed := io.Pipe()
	w := Watch(in, io.Discard, 30*time.Millisecond)
	_, err := feed.Write([]byte("x"))
	require.NoError(t, err)
	got, err := io.ReadAll(w)
	assert.ErrorIs(t, err, io.ErrClosedPipe)
	assert.Equal(t, "x", string(got))
	assert.True(t, w.Expired())
}

func TestEndOfInputEndsAWatchedPipe(t *testing.T) {
	w := Watch(strings.NewReader("abc"), io.Discard, time.Minute)
	got, err := io.ReadAll(w)
	require.NoError(t, err)
	assert.Equal(t, "abc", string(got))
	assert.NoError(t, w.Close())
	assert.False(t, w.Expired())
}
