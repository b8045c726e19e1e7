package wire

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"provision/provision/agent/api"
)

// MaxNoise is how much a login shell may print before the agent speaks.
const MaxNoise = 64 << 10

// WriteHello announces the agent.
func WriteHello(w io.Writer, nonce string) error {
	if _, err := io.WriteString(w, api.Hello+nonce+"\n"); err != nil {
		return fmt.Errorf("writing hello: %w", err)
	}
	return nil
}

// NoHelloError says that something else than our agent answered. Noise is the
// tail of what it printed, for people.
type NoHelloError struct {
	Noise string
	Cause error
}

// Error implements error.
func (e *NoHelloError) Error() string {
	text := "the agent did not start: " + e.Cause.Error()
	if e.Noise != "" {
		text += fmt.Sprintf("; the host printed %q", e.Noise)
	}
	return text
}

// Unwrap implements errors.Unwrap.
func (e *NoHelloError) Unwrap() error { return e.Cause }

// AwaitHello drops what a shell prints until the agent's line with this nonce.
// What the reader holds after that belongs to the agent. The line need not
// start at a line's beginning: a prompt without newline may precede it.
func AwaitHello(r *bufio.Reader, nonce string) error {
	want := []byte(api.Hello + nonce + "\n")
	var noise []byte
	for {
		c, err := r.ReadByte()
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return &NoHelloError{Noise: tail(noise), Cause: err}
		}
		noise = append(noise, c)
		if c == '\n' && bytes.HasSuffix(noise, want) {
			return nil
		}
		if len(noise) > MaxNoise {
			return &NoHelloError{Noise: tail(noise), Cause: fmt.Errorf("more than %d bytes before its hello", MaxNoise)}
		}
	}
}

func tail(noise []byte) string {
	const keep = 512
	if len(noise) > keep {
		noise = noise[len(noise)-keep:]
	}
	return string(bytes.TrimSpace(noise))
}
