package cli

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// hidden reads a line that the terminal does not show. The echo is off before
// ask shows the question: an answer that comes with it, pasted or typed by a
// program, would be shown otherwise. It is on again when ctx ends, as the read
// does not.
func hidden(ctx context.Context, terminal *os.File, ask func()) ([]byte, error) {
	fd := int(terminal.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("reading the terminal's settings: %w", err)
	}
	silent := *before
	silent.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &silent); err != nil {
		return nil, fmt.Errorf("turning the terminal's echo off: %w", err)
	}
	restore := func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, before) }
	defer restore()
	defer context.AfterFunc(ctx, restore)()
	ask()
	return term.ReadPassword(fd)
}
