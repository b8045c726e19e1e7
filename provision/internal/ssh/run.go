package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// maxOutput bounds what Run keeps of standard output.
const maxOutput = 16 << 20

// Run runs argv to its end. A command that fails is no error: code says so.
// Standard error is its tail. Output beyond 16 MiB is an error.
func (c *Conn) Run(ctx context.Context, argv []string, stdin io.Reader, opts StartOptions) (stdout, stderr []byte, code int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p, err := c.Start(ctx, argv, opts)
	if err != nil {
		return nil, nil, -1, err
	}
	// A command may end without reading its input: then writing fails, which
	// is no error of ours; and its input may never end: then nobody waits.
	c.wg.Go(func() {
		if stdin != nil {
			_, _ = io.Copy(p.Stdin, stdin)
		}
		_ = p.Stdin.Close()
	})
	var out bytes.Buffer
	_, err = io.Copy(&out, io.LimitReader(p.Stdout, maxOutput+1))
	if err == nil && out.Len() > maxOutput {
		err = fmt.Errorf("running %s on %s: more than %d bytes of output", p.command, c.target, maxOutput)
	}
	if err != nil {
		p.Kill()
		return nil, nil, -1, err
	}
	err = p.Wait()
	var exit *ExitError
	if errors.As(err, &exit) && !errors.Is(err, ErrNoSudo) {
		return out.Bytes(), []byte(exit.Stderr), exit.Code, nil
	}
	if err != nil {
		return nil, nil, -1, err
	}
	return out.Bytes(), []byte(p.Stderr()), 0, nil
}
