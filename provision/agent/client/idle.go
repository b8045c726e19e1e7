package client

import (
	"errors"
	"io"
	"time"
)

// usualIdle is how long a receiver may neither take a byte nor answer. A link
// so slow would have ended the session before: its heartbeats queue behind the
// same bytes.
const usualIdle = time.Minute

// slowestDisk is the bytes in a second of a disk that is worth waiting for. The
// receiver is silent while it puts a whole blob on the disk.
const slowestDisk = 4 << 20

// errIdle ends the sending to a host that hangs.
var errIdle = errors.New("the host took nothing and answered nothing")

const idleAdvice = "it hangs, or its disk does: look at its disks and at the kernel's log (dmesg) and apply again; what arrived is not sent again"

func patienceFor(blobs []Blob) time.Duration {
	var largest int64
	for _, b := range blobs {
		largest = max(largest, b.Size)
	}
	return usualIdle + time.Duration(largest/slowestDisk)*time.Second
}

// heard tells of each piece read, taken of each piece written.
type heard struct {
	io.Reader
	tell func()
}

type taken struct {
	io.WriteCloser
	tell func()
}

// Read implements io.Reader.
func (h heard) Read(b []byte) (int, error) {
	n, err := h.Reader.Read(b)
	if n > 0 {
		h.tell()
	}
	return n, err
}

// Write implements io.Writer.
func (t taken) Write(b []byte) (int, error) {
	n, err := t.WriteCloser.Write(b)
	if n > 0 {
		t.tell()
	}
	return n, err
}
