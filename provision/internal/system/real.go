package system

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Options replace parts of a real system. What is nil is real when the root is
// "/"; with any other root, commands and systemd are refused rather than run
// on the machine that the folder lies on.
type Options struct {
	Runner Runner
	Units  Units
	Signer Signer
	Now    func() time.Time
	Point  func(name string)
	Kill   func(ctx context.Context, pid int) error
}

// Real is the host whose files are below root.
func Real(root string, options Options) (*System, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Point == nil {
		options.Point = func(string) {}
	}
	files, err := newFiles(root, options.Point, options.Now)
	if err != nil {
		return nil, err
	}
	if options.Runner == nil {
		options.Runner = refusing{}
		if root == "/" {
			options.Runner = execRunner{options.Point}
		}
	}
	if options.Units == nil {
		options.Units = absentUnits{}
		if root == "/" {
			options.Units = &systemdUnits{runner: options.Runner, point: options.Point}
		}
	}
	if options.Kill == nil {
		options.Kill = refuseKill
		if root == "/" {
			options.Kill = kill
		}
	}
	if options.Signer == nil {
		options.Signer = refusing{}
	}
	return &System{
		Files: files, Runner: options.Runner, Units: options.Units, Signer: options.Signer,
		Blobs: blobStore{files}, Saved: &savedStore{files: files}, Now: options.Now, Point: options.Point,
		Kill: options.Kill,
	}, nil
}

var errRooted = errors.New("not available for files below a folder")

// refusing stands in for what acts on a whole machine.
type refusing struct{}

func (refusing) Run(_ context.Context, command Command) (Result, error) {
	return Result{Code: -1}, &CommandError{Argv: command.Argv, Code: -1, Err: errRooted}
}

func (refusing) LookPath(string) string { return "" }

func (refusing) Sign(context.Context, SignRequest) ([]byte, error) {
	return nil, fmt.Errorf("signing: %w", errRooted)
}
