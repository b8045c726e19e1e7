package ssh_test

import (
	"context"
	"errors"
	"io"

	"provision/provision/internal/ssh"
)

// run runs argv to its end. A command that fails is no error: code says so.
func run(ctx context.Context, c *ssh.Conn, argv []string, stdin io.Reader, opts ssh.StartOptions) (stdout, stderr []byte, code int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p, err := c.Start(ctx, argv, opts)
	if err != nil {
		return nil, nil, -1, err
	}
	go func() {
		if stdin != nil {
			_, _ = io.Copy(p.Stdin, stdin)
		}
		_ = p.Stdin.Close()
	}()
	stdout, err = io.ReadAll(p.Stdout)
	if err != nil {
		p.Kill()
		return nil, nil, -1, err
	}
	err = p.Wait()
	var exit *ssh.ExitError
	if errors.As(err, &exit) && !errors.Is(err, ssh.ErrNoSudo) {
		return stdout, []byte(exit.Stderr), exit.Code, nil
	}
	if err != nil {
		return nil, nil, -1, err
	}
	return stdout, []byte(p.Stderr()), 0, nil
}
