package blobs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"provision/provision/agent/api"
)

// MaxFrame bounds a compressed frame and what it holds.
const MaxFrame = 4 << 20

// body is the content behind a header.
type body struct {
	io.Reader
	raw io.Reader // what must be read to its end before the next header
}

func newBody(r io.Reader, header api.BlobHeader) *body {
	if header.Zstd {
		f := &frames{r: r}
		return &body{Reader: f, raw: f}
	}
	limited := io.LimitReader(r, header.Size-header.Offset)
	return &body{Reader: limited, raw: limited}
}

// drain passes over what is left, so that the next header is found.
func (b *body) drain() error {
	if f, ok := b.raw.(*frames); ok {
		return f.drain()
	}
	_, err := io.Copy(io.Discard, b.raw)
	return err
}

// frames decodes length-prefixed zstd frames one by one.
type frames struct {
	r       io.Reader
	decoder *zstd.Decoder
	in, out []byte
	rest    *bytes.Reader
	ended   bool
}

// Read implements io.Reader.
func (f *frames) Read(p []byte) (int, error) {
	for f.rest == nil || f.rest.Len() == 0 {
		frame, err := f.next()
		if err != nil {
			return 0, err
		}
		if f.decoder == nil {
			f.decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxFrame))
			if err != nil {
				return 0, fmt.Errorf("starting zstd: %w", err)
			}
		}
		if f.out, err = f.decoder.DecodeAll(frame, f.out[:0]); err != nil {
			return 0, fmt.Errorf("unpacking frame: %w", err)
		}
		f.rest = bytes.NewReader(f.out)
	}
	return f.rest.Read(p)
}

// next returns a frame, or io.EOF after the last.
func (f *frames) next() ([]byte, error) {
	if f.ended {
		return nil, io.EOF
	}
	var prefix [4]byte
	if _, err := io.ReadFull(f.r, prefix[:]); err != nil {
		return nil, noEOF(err)
	}
	length := binary.BigEndian.Uint32(prefix[:])
	if length == 0 {
		f.ended = true
		return nil, io.EOF
	}
	if length > MaxFrame {
		f.ended = true // what follows cannot be told apart any more
		return nil, fmt.Errorf("a frame of %d bytes is too large", length)
	}
	if cap(f.in) < int(length) {
		f.in = make([]byte, length)
	}
	f.in = f.in[:length]
	if _, err := io.ReadFull(f.r, f.in); err != nil {
		return nil, noEOF(err)
	}
	return f.in, nil
}

func (f *frames) drain() error {
	for {
		if _, err := f.next(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
