package wire

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxLine bounds one JSON value on the wire. A host's whole wish is one value,
// with the content of its configuration files in it.
const MaxLine = 8 << 20

// maxHeader bounds the first line of a stream.
const maxHeader = 64 << 10

// ErrTooLong is returned for a line that exceeds its bound.
var ErrTooLong = errors.New("line is too long")

// ReadLine reads up to and including a newline, which it drops, and never holds
// more than limit bytes. io.EOF means that the input ended between two lines.
func ReadLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > limit+1 {
			return nil, ErrTooLong
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) > 0:
			return nil, io.ErrUnexpectedEOF
		default:
			return nil, err
		}
	}
}

// ReadHeader reads one short JSON line byte by byte, so that nothing behind it
// is taken from the stream.
func ReadHeader(r io.Reader, into any) error {
	var line []byte
	var one [1]byte
	for {
		if _, err := io.ReadFull(r, one[:]); err != nil {
			return fmt.Errorf("reading header: %w", err)
		}
		if one[0] == '\n' {
			break
		}
		if line = append(line, one[0]); len(line) > maxHeader {
			return fmt.Errorf("reading header: %w", ErrTooLong)
		}
	}
	if err := json.Unmarshal(line, into); err != nil {
		return fmt.Errorf("reading header: %w", err)
	}
	return nil
}

// WriteLine writes a value as one JSON line in one Write.
func WriteLine(w io.Writer, value any) error {
	line, err := encodeLine(value)
	if err != nil {
		return err
	}
	_, err = w.Write(line)
	return err
}

// encodeLine leaves HTML characters alone: contents stay readable and short.
func encodeLine(value any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("encoding message: %w", err)
	}
	if buffer.Len() > MaxLine+1 {
		return nil, fmt.Errorf("encoding message of %d bytes: %w", buffer.Len(), ErrTooLong)
	}
	return buffer.Bytes(), nil
}
