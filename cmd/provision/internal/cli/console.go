package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Console asks questions one after the other. Ctrl-C ends a question: reading
// goes on in a goroutine of its own, which ends with the process.
type Console struct {
	*Global
	once  sync.Once
	ready chan struct{}
	lines chan line
}

type line struct {
	text string
	err  error
}

// Say shows a line: on standard error with --json, where standard output is for
// the result alone.
func (c *Console) Say(text string) {
	if c.JSON {
		fmt.Fprintln(c.Err, text)
		return
	}
	fmt.Fprintln(c.Out, text)
}

// Line asks and waits for a line.
func (c *Console) Line(ctx context.Context, question string) (string, error) {
	c.once.Do(func() {
		c.ready, c.lines = make(chan struct{}), make(chan line, 1)
		go c.read()
	})
	if err := ctx.Err(); err != nil {
		return "", err
	}
	fmt.Fprint(c.Out, question)
	c.ready <- struct{}{}
	select {
	case l := <-c.lines:
		return l.text, l.err
	case <-ctx.Done():
		fmt.Fprintln(c.Out)
		return "", ctx.Err()
	}
}

// read reads a line whenever one is asked for, so that a password that is asked
// for between questions is not taken away.
func (c *Console) read() {
	reader := bufio.NewReader(io.LimitReader(c.In, 1<<20))
	for range c.ready {
		text, err := reader.ReadString('\n')
		if text != "" && err == io.EOF { //nolint:errorlint // io.Reader promises io.EOF itself
			err = nil
		}
		c.lines <- line{strings.TrimRight(text, "\r\n"), err}
	}
}
