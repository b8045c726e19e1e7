package main

import (
	"io"
	"os"

	"golang.org/x/term"
)

// streams are the program's input and outputs.
type streams struct {
	in       io.Reader
	out, err io.Writer
	terminal bool // out is a terminal that shows live progress
	ask      bool // in is a terminal that can be asked
	width    int
	env      func(string) (string, bool)
}

func system() streams {
	s := streams{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.LookupEnv, width: 80}
	s.terminal = term.IsTerminal(int(os.Stdout.Fd())) && os.Getenv("TERM") != "dumb"
	s.ask = term.IsTerminal(int(os.Stdin.Fd()))
	if width, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		s.width = width
	}
	return s
}

// labOfCluster is the value of --lab without a name.
const labOfCluster = "@cluster"

// global are the flags that every verb has.
type global struct {
	streams
	inventory []string
	vars      []string
	varFiles  []string
	lab       string
	verb      string // as typed: "node remove"
	json      bool
	noColor   bool
	verbose   bool
}

func (g *global) color() bool {
	_, off := g.env("NO_COLOR")
	return g.terminal && !g.noColor && !off
}

// labFromEnv lets $PROVISION_LAB stand for --lab.
func (g *global) labFromEnv() {
	value, set := g.env("PROVISION_LAB")
	switch {
	case !set || value == "" || value == "0" || g.lab != "":
	case value == "1":
		g.lab = labOfCluster
	default:
		g.lab = value
	}
}
