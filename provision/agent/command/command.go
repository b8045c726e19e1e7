package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"provision/provision/agent"
	"provision/provision/agent/blobs"
	"provision/provision/agent/renewal"
	"provision/provision/agent/scope"
	"provision/provision/internal/killpoint"
	"provision/provision/internal/system"
	"provision/provision/resource/kinds"
)

// memoryLimit keeps the agent small on hosts where everything else is not.
const memoryLimit = 32 << 20

// garbage lets the heap grow to five times what is in use, within the limit: a
// collector that runs for every megabyte costs more than what it saves.
const garbage = 400

// endTime is how long changes under way may take to stop when the operator is
// gone. Then the agent ends hard, and the lock with it; what it leaves running
// is ended by the next session (see package scope).
const endTime = 15 * time.Second

var errUsage = errors.New("usage: provision-agent serve NONCE | blobs [EPOCH] | renew | version")

// Run does what the arguments say: serve NONCE, renew, blobs (as part of the session
// that has the lock under EPOCH) or version.
func Run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	debug.SetMemoryLimit(memoryLimit)
	debug.SetGCPercent(garbage)
	syscall.Umask(0o022) // what commands that we run expect, whatever the login had
	switch {
	case len(args) == 2 && args[0] == "serve":
		return serve(ctx, args[1], in, out)
	case len(args) == 1 && args[0] == "blobs":
		return blobs.Receive(ctx, system.BlobDir, passing(in), out)
	case len(args) == 2 && args[0] == "blobs":
		return receive(ctx, args[1], in, out)
	case len(args) == 1 && args[0] == "renew":
		return renew(ctx, out)
	case len(args) == 1 && args[0] == "version":
		return version(out)
	}
	return errUsage
}

func serve(ctx context.Context, nonce string, in io.Reader, out io.Writer) error {
	host, err := system.Real("/", system.Options{Point: killpoint.Agent()})
	if err != nil {
		return err
	}
	children, err := scope.New(system.LeaseDir, system.AgentDir)
	if err != nil {
		return err
	}
	return agent.Serve(ctx, in, out, nonce, agent.Options{
		System: host, Kinds: kinds.Host(), Scope: children, Self: self(),
		Ending: func() { time.AfterFunc(endTime, func() { os.Exit(1) }) },
	})
}

// renew is what the host's timer runs. It stays in its service: what it starts
// ends with it.
func renew(ctx context.Context, out io.Writer) error {
	host, err := system.Real("/", system.Options{Point: killpoint.Agent()})
	if err != nil {
		return err
	}
	return renewal.Renew(ctx, agent.Options{System: host, Kinds: kinds.Host(), Self: self()},
		func(format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) })
}

// receive takes blobs until its input, or the session that it belongs to, ends.
func receive(ctx context.Context, epoch string, in io.Reader, out io.Writer) error {
	number, err := strconv.ParseUint(epoch, 10, 64)
	if err != nil {
		return errUsage
	}
	self, err := scope.New(system.LeaseDir, system.AgentDir)
	if err != nil {
		return err
	}
	leave, err := self.Join(ctx, number)
	if err != nil {
		return err
	}
	defer leave()
	// A read of the input cannot be interrupted.
	defer context.AfterFunc(ctx, func() { os.Exit(1) })()
	return blobs.Receive(ctx, system.BlobDir, passing(in), out)
}

// passing has a kill point after each piece that is read, if there are any.
func passing(in io.Reader) io.Reader {
	if point := killpoint.Agent(); point != nil {
		return pieces{in, point}
	}
	return in
}

type pieces struct {
	io.Reader
	point func(string)
}

func (p pieces) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	p.point("blob:received")
	return n, err
}

// self is the sha256 that the agent is run by.
func self() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	return filepath.Base(path)
}

func version(out io.Writer) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return errors.New("built without build information")
	}
	_, err := fmt.Fprintln(out, info.GoVersion, info.Main.Version)
	return err
}
