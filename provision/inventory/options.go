package inventory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/zclconf/go-cty/cty/function"

	"provision/provision/bundle/catalogue"
)

func (o Options) withDefaults() Options {
	if o.Catalogue == nil {
		o.Catalogue = catalogue.Default()
	}
	if o.Env == nil {
		o.Env = os.LookupEnv
	}
	if o.ReadFile == nil {
		o.ReadFile = readFile
	}
	if o.ReadDir == nil {
		o.ReadDir = readDir
	}
	if o.Run == nil {
		o.Run = run
	}
	return o
}

// readFile reads a regular file of bounded size: not a pipe or device that
// never ends.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("reading file: %s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading file: %w", err)
	}
	defer func() { _ = f.Close() }()
	src, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if len(src) > maxFile {
		return nil, fmt.Errorf("reading %s: larger than %d bytes", path, maxFile)
	}
	return src, nil
}

func readDir(path string) (names []string, isDir bool, err error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return nil, false, err
	}
	entries, err := os.ReadDir(path)
	for _, e := range entries {
		if n := e.Name(); strings.HasSuffix(n, ".hcl") && !strings.HasPrefix(n, ".") && !e.IsDir() {
			names = append(names, n)
		}
	}
	return names, true, err
}

func run(ctx context.Context, argv []string) ([]byte, error) {
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return nil, fmt.Errorf("running %s: %w: %s", argv[0], err, quote(string(exit.Stderr)))
		}
		return nil, fmt.Errorf("running %s: %w", argv[0], err)
	}
	return out, nil
}

// fileFunctions are those that depend on the folder of the file they are
// written in.
func fileFunctions(l *loader, dir string) map[string]function.Function {
	return map[string]function.Function{"file": fileFunc(func(path string) ([]byte, error) {
		path = l.home(path)
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		src, err := l.opts.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if len(src) > maxFile {
			return nil, fmt.Errorf("reading %s: larger than %d bytes", path, maxFile)
		}
		l.digest.addPrivate("file()", path, src)
		return src, nil
	})}
}

// home expands a leading ~/ from $HOME.
func (l *loader) home(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if h, ok := l.opts.Env("HOME"); ok && h != "" {
			return filepath.Join(h, rest)
		}
	}
	return path
}
