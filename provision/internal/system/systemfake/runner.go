package systemfake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"provision/provision/internal/system"
)

// Handler answers a command: its standard output, or an error. A *system.CommandError
// keeps its code.
type Handler func(argv []string) (stdout string, err error)

// Runner answers commands like a Debian host, as far as kinds use them.
type Runner struct {
	root  string
	point func(string)

	mutex sync.Mutex
	ran   [][]string
	extra map[string]Handler

	editing sync.Mutex // one edit of the fakes' files at a time
}

// Handle adds or replaces a command.
func (r *Runner) Handle(name string, handler Handler) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.extra == nil {
		r.extra = map[string]Handler{}
	}
	r.extra[name] = handler
}

// Ran returns the commands so far.
func (r *Runner) Ran() [][]string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return slices.Clone(r.ran)
}

func (r *Runner) handler(name string) Handler {
	if handler, ok := r.extra[name]; ok {
		return handler
	}
	switch name {
	case "/usr/local/bin/etcdctl":
		return etcdctl
	case "/usr/local/bin/etcdutl":
		return Etcdutl
	case "true":
		return func([]string) (string, error) { return "", nil }
	case "dpkg":
		return r.dpkg
	case "dpkg-query":
		return r.dpkgQuery
	case "apt-get":
		return r.aptGet
	case "ctr":
		return r.ctr
	case "ip":
		return r.ip
	case "umount":
		return r.umount
	case "nft":
		return r.nft
	case "modprobe":
		return r.modprobe
	case "swapon", "swapoff":
		return r.swap
	case "useradd", "userdel", "usermod", "groupadd", "groupdel", "gpasswd":
		return r.accounts
	}
	return nil
}

// LookPath implements system.Runner.
func (r *Runner) LookPath(name string) string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.handler(name) == nil {
		return ""
	}
	return "/usr/bin/" + name
}

// Run implements system.Runner.
func (r *Runner) Run(ctx context.Context, command system.Command) (system.Result, error) {
	r.mutex.Lock()
	r.ran = append(r.ran, slices.Clone(command.Argv))
	handler := r.handler(command.Argv[0])
	r.mutex.Unlock()
	if ctx.Err() != nil {
		return system.Result{Code: -1}, &system.CommandError{Argv: command.Argv, Code: -1, Err: ctx.Err()}
	}
	if handler == nil {
		return system.Result{Code: -1}, &system.CommandError{Argv: command.Argv, Code: -1, Err: fmt.Errorf("command not found")}
	}
	argv := command.Argv
	if command.Stdin != nil { // as further words
		content, err := io.ReadAll(command.Stdin)
		if err != nil {
			return system.Result{Code: -1}, &system.CommandError{Argv: command.Argv, Code: -1, Err: err}
		}
		argv = append(slices.Clone(argv), strings.Fields(string(content))...)
	}
	stdout, err := handler(argv)
	if err == nil {
		return system.Result{Stdout: []byte(stdout)}, nil
	}
	var failure *system.CommandError
	if !errors.As(err, &failure) {
		failure = &system.CommandError{Code: 1, Tail: err.Error(), Err: err}
	}
	failure.Argv = command.Argv
	return system.Result{Stdout: []byte(stdout), Stderr: []byte(failure.Tail), Code: failure.Code}, failure
}

// plain returns the arguments that are not options.
func plain(argv []string) []string {
	var out []string
	for _, arg := range argv[1:] {
		if !strings.HasPrefix(arg, "-") {
			out = append(out, arg)
		}
	}
	return out
}

// option returns the value of "--name value".
func option(argv []string, name string) string {
	if i := slices.Index(argv, name); i >= 0 && i+1 < len(argv) {
		return argv[i+1]
	}
	return ""
}
