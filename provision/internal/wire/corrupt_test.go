package wire

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/test/corrupt"
	"provision/test/faults"
)

func TestADamagedHelloIsNoHello(t *testing.T) {
	sample := []byte("Welcome!\nmotd\r\n" + api.Hello + "0123456789abcdef\nrest")
	tally := corrupt.Feed(t, 1, func(in []byte) bool {
		err := AwaitHello(bufio.NewReader(bytes.NewReader(in)), "0123456789abcdef")
		var no *NoHelloError
		if err != nil {
			assert.ErrorAs(t, err, &no)
			assert.Less(t, len(err.Error()), 4096)
			return false
		}
		assert.Contains(t, string(in), api.Hello+"0123456789abcdef\n")
		return true
	}, sample)
	faults.Record(t, "corrupt-hello", "only the agent's own line with this run's nonce starts a session", "a shell's noise and the hello, damaged",
		"%d inputs: %d still held the whole line, %d refused", tally.Inputs, tally.Accepted, tally.Rejected)
}

func TestDamagedHeadersOfStreams(t *testing.T) {
	corrupt.Feed(t, 2, func(in []byte) bool {
		r := bytes.NewReader(in)
		var header api.StreamHeader
		if ReadHeader(r, &header) != nil {
			return false
		}
		line, _, _ := bytes.Cut(in, []byte("\n"))
		assert.True(t, json.Valid(line))
		assert.Equal(t, len(in)-len(line)-1, r.Len(), "nothing behind the line is taken")
		return true
	}, []byte(`{"type":"dial","address":"10.0.0.1:6443"}`+"\nbytes behind it\n"), []byte("{\"error\":{\"code\":\"failed\",\"message\":\"no\"}}\n"))
}

// The answers of a broken agent: a call ends, with an error or with an answer
// that was sent for it; nothing hangs, nothing is kept.
func TestDamagedAnswersEndInAnErrorOrAnAnswer(t *testing.T) {
	sample := []byte(`{"id":1,"result":{"value":41}}` + "\n" + `{"id":7,"result":{"value":1}}` + "\n" + `{"id":2,"method":"ask","params":{}}` + "\n" + `{"id":1,"error":{"code":"failed","message":"m"}}` + "\n")
	tally := corrupt.Feed(t, 3, func(in []byte) bool {
		stream := &replay{in: bytes.NewReader(in), asked: make(chan struct{})}
		conn := NewConn(t.Context(), stream, nil)
		var result struct{ Value int }
		err := conn.Call(t.Context(), "m", nil, &result)
		<-conn.Done()
		assert.Empty(t, conn.running)
		if err != nil {
			return false
		}
		assert.True(t, answered(in, result.Value), "%d", result.Value)
		return true
	}, sample)
	faults.Record(t, "corrupt-rpc", "damaged answers of an agent end the call with an error; an answer without a result, for another request or of another form is never accepted",
		"lines of JSON-RPC, damaged; the link ends behind them", "%d inputs: %d calls got an answer that was sent for them, %d an error, none hung", tally.Inputs, tally.Accepted, tally.Rejected)
}

// answered reports whether a line answers request 1 with the value.
func answered(in []byte, value int) bool {
	for line := range bytes.Lines(in) {
		var m message
		var result struct{ Value int }
		if json.Unmarshal(line, &m) == nil && m.ID == 1 && m.Method == "" && json.Unmarshal(m.Result, &result) == nil && result.Value == value {
			return true
		}
	}
	return false
}

// replay answers a request with what it was given, then ends.
type replay struct {
	in    io.Reader
	asked chan struct{}
}

func (r *replay) Read(b []byte) (int, error) {
	select {
	case <-r.asked:
	case <-time.After(time.Minute):
		return 0, errors.New("nothing was asked")
	}
	return r.in.Read(b)
}

func (r *replay) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte(`"method":"m"`)) {
		close(r.asked)
	}
	return len(b), nil
}

func (r *replay) Close() error { return nil }

func TestNoResultIsNotAnEmptyResult(t *testing.T) {
	stream := &replay{in: strings.NewReader(`{"id":1,"result":null}` + "\n"), asked: make(chan struct{})}
	conn := NewConn(t.Context(), stream, nil)
	var result struct{ Items []string }
	assert.ErrorContains(t, conn.Call(t.Context(), "m", nil, &result), "there is none")
	<-conn.Done()
}

// frames is what an operator sends: two streams with a few lines.
func frames(t *testing.T, end func(io.ReadWriteCloser) (stream, error)) []byte {
	t.Helper()
	a, b := net.Pipe()
	taped := &tape{Conn: a}
	session, err := end(taped)
	require.NoError(t, err)
	go func() { _, _ = io.Copy(io.Discard, b) }()
	for range 2 {
		s, err := session.Open()
		require.NoError(t, err)
		_, err = s.Write([]byte(`{"id":1,"method":"facts","params":{}}` + "\n"))
		require.NoError(t, err)
	}
	_ = session.Close()
	_ = b.Close()
	return taped.written.Bytes()
}

type stream interface {
	Open() (net.Conn, error)
	Close() error
}

type tape struct {
	net.Conn
	written bytes.Buffer
}

func (p *tape) Write(b []byte) (int, error) { p.written.Write(b); return p.Conn.Write(b) }

// Garbage on the link of streams ends the session in both directions; it takes
// neither memory nor time.
func TestDamagedStreamsEndTheSession(t *testing.T) {
	operator := frames(t, func(c io.ReadWriteCloser) (stream, error) { return Operator(c) })
	agent := frames(t, func(c io.ReadWriteCloser) (stream, error) { return Agent(c) })
	total := corrupt.Tally{}
	for i, end := range []func(io.ReadWriteCloser) (stream, error){
		func(c io.ReadWriteCloser) (stream, error) { return Operator(c) },
		func(c io.ReadWriteCloser) (stream, error) { return Agent(c) },
	} {
		total = total.Add(corrupt.FeedN(t, uint64(4+i), corrupt.Many/2, func(in []byte) bool {
			session, err := end(&played{Reader: bytes.NewReader(in)})
			require.NoError(t, err)
			defer session.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			select {
			case <-session.(interface{ CloseChan() <-chan struct{} }).CloseChan():
			case <-ctx.Done():
				assert.Fail(t, "the session goes on")
			}
			return false
		}, operator, agent))
	}
	faults.Record(t, "corrupt-streams", "garbage on a session's link ends that session, on both sides", "frames of the multiplexer, damaged",
		"%d inputs, %d sessions ended at once, within %d MiB each", total.Inputs, total.Rejected, 64)
}

type played struct{ io.Reader }

func (*played) Write(b []byte) (int, error) { return len(b), nil }
func (*played) Close() error                { return nil }
