package gobuild

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"provision/provision/bundle/store"
)

// Builder runs the go command. It is safe for concurrent use.
type Builder struct {
	// Env is added to the environment of every go command: tests put a proxy here.
	Env []string
	// AllowNoSumDB builds although the checksum database is switched off.
	AllowNoSumDB bool
	// Nice lets builds give way to other work on the machine.
	Nice bool

	once sync.Once
	env  goEnv
	err  error
}

// Progress is told how many packages of about how many have been compiled.
type Progress func(done, total int)

// Result describes a finished build.
type Result struct {
	Inputs Inputs
	Hash   string
}

func (b *Builder) prepare(ctx context.Context) error {
	b.once.Do(func() {
		b.env, b.err = readGoEnv(ctx, b.Env)
		if b.err == nil && b.env.GOSUMDB == "off" && !b.AllowNoSumDB {
			b.err = errors.New("cannot build from source: GOSUMDB=off, so nothing vouches for modules; unset it, or give a bundle folder or a mirror")
		}
	})
	return b.err
}

// Plan writes the wrapper module into dir and says what the build depends on.
func (b *Builder) Plan(ctx context.Context, s Spec, dir string) (Result, error) {
	if err := b.prepare(ctx); err != nil {
		return Result{}, err
	}
	in := Inputs{Recipe: recipe, Package: s.Package, Arch: s.Arch, Cgo: s.Cgo, Flags: s.Flags(), Sums: s.Sums, Go: b.env.GOVERSION}
	if s.Cgo {
		cc, err := Compiler(s.Arch)
		if err != nil {
			return Result{}, err
		}
		if in.Compiler, err = CompilerID(ctx, cc, s.Libraries...); err != nil {
			return Result{}, err
		}
	}
	var err error
	if in.Toolchain, err = b.env.toolchain(); err != nil {
		return Result{}, err
	}
	if in.Modules, err = b.wrapper(ctx, dir, s); err != nil {
		return Result{}, err
	}
	hash, err := in.Hash()
	return Result{Inputs: in, Hash: hash}, err
}

// Build compiles the command into the file out, after Plan with the same dir.
func (b *Builder) Build(ctx context.Context, s Spec, dir, out string, progress Progress) error {
	var cc string
	if s.Cgo {
		var err error
		if cc, err = Compiler(s.Arch); err != nil {
			return err
		}
	}
	env := b.env.environ(s.Arch, s.Cgo, cc, b.Env)
	list := append([]string{"list", "-deps", "-f", "{{.ImportPath}}"}, s.Flags()...)
	deps, err := b.run(ctx, dir, env, append(list, s.Package)...)
	if err != nil {
		return fmt.Errorf("listing the packages of %s: %w", s.Package, err)
	}
	total := bytes.Count(deps, []byte("\n"))
	args := append([]string{"build", "-v", "-o", out}, s.Flags()...)
	cmd := b.command(ctx, dir, env, append(args, s.Package)...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return fmt.Errorf("building %s: %w", s.Package, err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("building %s: %w", s.Package, err)
	}
	tail := follow(stderr, total, progress)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("building %s: %w: %s", s.Package, errors.Join(ctx.Err(), err), strings.Join(tail, "\n"))
	}
	return nil
}

// follow counts the packages that `go build -v` names; of the rest it keeps
// the last lines for an error message.
func follow(r io.Reader, total int, progress Progress) []string {
	var tail []string
	done := 0
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if !strings.ContainsAny(line, " \t:") {
			done++
			if progress != nil {
				progress(min(done, total), total)
			}
			continue
		}
		if tail = append(tail, line); len(tail) > 20 {
			tail = tail[1:]
		}
	}
	_, _ = io.Copy(io.Discard, r) // a line over the limit must not block the build
	return tail
}

func (b *Builder) run(ctx context.Context, dir string, env []string, args ...string) ([]byte, error) {
	if env == nil {
		env = b.env.environ("amd64", false, "", b.Env)
	}
	cmd := b.command(ctx, dir, env, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("go %s: %w: %s", args[0], errors.Join(ctx.Err(), err), lastLines(stderr.String(), 10))
	}
	return out, nil
}

func (b *Builder) command(ctx context.Context, dir string, env []string, args ...string) *exec.Cmd {
	argv := append([]string{filepath.Join(b.env.GOROOT, "bin", "go")}, args...)
	if nice, err := exec.LookPath("nice"); err == nil && b.Nice {
		argv = append([]string{nice, "-n", "10"}, argv...)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = dir, env
	// The compilers must not outlive a killed provision, or a cancelled one.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// Provenance describes a build for the record of its artifact.
func (r Result) Provenance() store.Provenance {
	return store.Provenance{
		Source: "build", Origin: r.Inputs.Modules[0].Path + "@" + r.Inputs.Modules[0].Version,
		VouchedBy: "Go checksum database", Inputs: r.Hash, Modules: r.Inputs.Modules, Package: r.Inputs.Package,
		Go: r.Inputs.Go, Compiler: r.Inputs.Compiler, Flags: r.Inputs.Flags,
	}
}
