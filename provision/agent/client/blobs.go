package client

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"

	"provision/provision/agent/api"
	"provision/provision/internal/wire"
)

const (
	copySize  = 256 << 10 // of one write to a channel
	frameSize = 1 << 20   // of content in one compressed frame
	maxReply  = 64 << 10
)

// Blob is a content-addressed file to send.
type Blob struct {
	SHA256 string
	Size   int64
	// Offset is how much of it the host has (api.PlanResult.Missing).
	Offset int64
	// Zstd compresses on the way: for links slower than 200 MB/s.
	Zstd bool
	// Open opens the content at an offset.
	Open func(offset int64) (io.ReadCloser, error)
	// Arrived is called once the host has verified and stored it. May be nil.
	Arrived func()
}

// Progress is told of every piece sent: the blob, and how many bytes of its
// content more. It must not block.
type Progress func(sha256 string, bytes int64)

// SendBlobs sends blobs through one channel, one after the other, and returns
// when the host has verified and stored all of them. Blobs that failed are
// joined errors; the others are stored.
//
// A receiver that hangs is given up; whatever ends ctx, SendBlobs returns at
// once.
func SendBlobs(ctx context.Context, process Process, blobs []Blob, progress Progress) error {
	return sendBlobs(ctx, process, blobs, progress, patienceFor(blobs))
}

func sendBlobs(ctx context.Context, process Process, blobs []Blob, progress Progress, patience time.Duration) error {
	if progress == nil {
		progress = func(string, int64) {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	idle := time.AfterFunc(patience, func() { cancel(fmt.Errorf("%w for %s; %s", errIdle, patience.Round(time.Millisecond), idleAdvice)) })
	defer idle.Stop()
	alive := func() { idle.Reset(patience) }
	ends := newPipe(heard{process.Stdout, alive}, process)
	reader := bufio.NewReader(ends)
	if err := await(ctx, process, reader, api.BlobHello, helloTime); err != nil {
		return err
	}
	process.Stdin = taken{process.Stdin, alive}
	ends.process = process
	ends.feeding()
	stop := context.AfterFunc(ctx, ends.giveUp)
	defer stop()
	replies := make(chan error, 1)
	go func() { replies <- collect(reader, blobs) }()
	sent := sendAll(ends, blobs, progress)
	_ = ends.feed.Close()
	answered := <-replies
	ended := process.end()
	if ctx.Err() != nil {
		return fmt.Errorf("%s: sending blobs: %w", process.Host, context.Cause(ctx))
	}
	if err := errors.Join(answered, sent, ended); err != nil {
		return fmt.Errorf("%s: sending blobs: %w", process.Host, err)
	}
	return nil
}

// collect reads one answer per blob.
func collect(r *bufio.Reader, blobs []Blob) error {
	var failed error
	for _, blob := range blobs {
		line, err := wire.ReadLine(r, maxReply)
		if err != nil {
			return errors.Join(failed, fmt.Errorf("blob %s was not answered: %w", blob.SHA256, err))
		}
		var reply api.BlobReply
		if err := json.Unmarshal(line, &reply); err != nil || reply.SHA256 != blob.SHA256 {
			return errors.Join(failed, fmt.Errorf("blob %s was answered with %.100q", blob.SHA256, line))
		}
		switch {
		case reply.Error != nil:
			failed = errors.Join(failed, reply.Error)
		case blob.Arrived != nil:
			blob.Arrived()
		}
	}
	return failed
}

func sendAll(w io.Writer, blobs []Blob, progress Progress) error {
	buffer := make([]byte, copySize)
	for _, blob := range blobs {
		if err := sendOne(w, blob, buffer, progress); err != nil {
			return fmt.Errorf("blob %s: %w", blob.SHA256, err)
		}
	}
	return nil
}

func sendOne(w io.Writer, blob Blob, buffer []byte, progress Progress) error {
	content, err := blob.Open(blob.Offset)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }()
	header := api.BlobHeader{SHA256: blob.SHA256, Size: blob.Size, Offset: blob.Offset, Zstd: blob.Zstd}
	if err := wire.WriteLine(w, header); err != nil {
		return err
	}
	if blob.Zstd {
		return sendFrames(w, content, blob, progress)
	}
	return sendPlain(w, content, blob, buffer, progress)
}

func sendPlain(w io.Writer, content io.Reader, blob Blob, buffer []byte, progress Progress) error {
	for left := blob.Size - blob.Offset; left > 0; {
		n, err := content.Read(buffer[:min(int64(len(buffer)), left)])
		if n > 0 {
			if _, err := w.Write(buffer[:n]); err != nil {
				return err
			}
			left -= int64(n)
			progress(blob.SHA256, int64(n))
		}
		if left > 0 && errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		} else if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	return nil
}

// sendFrames writes independent frames, so that neither side keeps more than
// one in memory.
func sendFrames(w io.Writer, content io.Reader, blob Blob, progress Progress) error {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("starting zstd: %w", err)
	}
	defer func() { _ = encoder.Close() }()
	piece := make([]byte, frameSize)
	var frame []byte
	for {
		n, err := io.ReadFull(content, piece)
		if n > 0 {
			frame = encoder.EncodeAll(piece[:n], append(frame[:0], 0, 0, 0, 0))
			binary.BigEndian.PutUint32(frame, uint32(len(frame)-4)) //nolint:gosec // bounded by frameSize
			if _, err := w.Write(frame); err != nil {
				return err
			}
			progress(blob.SHA256, int64(n))
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			_, err = w.Write([]byte{0, 0, 0, 0})
			return err
		}
		if err != nil {
			return err
		}
	}
}
