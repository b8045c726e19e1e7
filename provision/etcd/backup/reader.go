package backup

import (
	"context"
	"io"
)

// Reader ends with a context: a copy of gigabytes has no other way to be
// interrupted.
func Reader(ctx context.Context, of io.Reader) io.Reader { return &reader{ctx, of} }

type reader struct {
	ctx context.Context //nolint:containedctx // io.Reader has no other place for it
	of  io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.of.Read(p) //nolint:wrapcheck // as it came
}
