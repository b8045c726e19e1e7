package blobs

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"provision/provision/agent/api"
	"provision/provision/internal/names"
	"provision/provision/internal/wire"
)

// maxHeader bounds a header line.
const maxHeader = 4 << 10

// buffer is the size of reads: a pipe's usual capacity, several times over.
const buffer = 256 << 10

// Receive announces itself, then reads blobs from in until it ends, into dir,
// and answers each on out. An error about one blob is answered; only a broken
// input or output ends Receive.
func Receive(ctx context.Context, dir string, in io.Reader, out io.Writer) error {
	if err := wire.WriteHello(out, api.BlobHello); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the blob folder: %w", err)
	}
	reader := bufio.NewReaderSize(in, buffer)
	for ctx.Err() == nil {
		header, err := readHeader(reader)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		body := newBody(reader, header)
		have, err := receive(dir, header, body)
		reply := api.BlobReply{SHA256: header.SHA256, Error: wire.ToError(err)}
		if err != nil {
			reply.Have = have
			if drained := body.drain(); drained != nil {
				return errors.Join(err, drained)
			}
		}
		if err := wire.WriteLine(out, reply); err != nil {
			return fmt.Errorf("answering: %w", err)
		}
	}
	return ctx.Err()
}

func readHeader(r *bufio.Reader) (api.BlobHeader, error) {
	var header api.BlobHeader
	line, err := wire.ReadLine(r, maxHeader)
	if errors.Is(err, io.EOF) {
		return header, err
	}
	if err == nil {
		err = json.Unmarshal(line, &header)
	}
	if err != nil {
		return header, fmt.Errorf("reading blob header: %w", err)
	}
	if !names.SHA256(header.SHA256) || header.Size < 0 || header.Offset < 0 || header.Offset > header.Size {
		return header, fmt.Errorf("reading blob header: no such blob: %.100s", line)
	}
	return header, nil
}
