package cli

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Streams are the program's input and outputs.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	terminal bool // Out is a terminal that shows live progress
	Ask      bool // In is a terminal that can be asked
	Width    int
	Env      func(string) (string, bool)
}

func System() Streams {
	s := Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.LookupEnv, Width: 80}
	s.terminal = term.IsTerminal(int(os.Stdout.Fd())) && os.Getenv("TERM") != "dumb"
	s.Ask = term.IsTerminal(int(os.Stdin.Fd()))
	if width, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		s.Width = width
	}
	return s
}

// LabOfCluster is the value of --lab without a name.
const LabOfCluster = "@cluster"

// Global are the flags that every verb has.
type Global struct {
	Streams
	Inventory []string
	Vars      []string
	VarFiles  []string
	Lab       string
	Verb      string // as typed: "node remove"
	JSON      bool
	NoColor   bool
	Verbose   bool
}

func (g *Global) Color() bool {
	_, off := g.Env("NO_COLOR")
	return g.terminal && !g.NoColor && !off
}

// LabFromEnv lets $PROVISION_LAB stand for --lab.
func (g *Global) LabFromEnv() {
	value, set := g.Env("PROVISION_LAB")
	switch {
	case !set || value == "" || value == "0" || g.Lab != "":
	case value == "1":
		g.Lab = LabOfCluster
	default:
		g.Lab = value
	}
}
