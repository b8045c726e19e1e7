package interview

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"provision/provision/inventory"
	"provision/provision/report"
)

// Console is the person who is asked.
type Console interface {
	// Line asks and returns the line that was typed, without its end. At the end
	// of input it returns io.EOF.
	Line(ctx context.Context, question string) (string, error)
	// Say shows a line.
	Say(text string)
}

// Result is the test of one host.
type Result struct {
	Report  *Report
	Unknown bool  // its key is not known; Err says so, too
	Err     error // nil with a report
}

// Key is a host key that somebody must compare.
type Key struct {
	Host, Address     string
	Type, Fingerprint string
	Err               error                           // why there is none
	Write             func() (file string, err error) // accepts it
}

// Prober tests hosts over SSH. Both ask all hosts of the inventory at once; the
// results are by name.
type Prober interface {
	Probe(ctx context.Context, inv *inventory.Inventory) map[string]Result
	Keys(ctx context.Context, inv *inventory.Inventory, names []string) map[string]Key
}

// Options of an interview.
type Options struct {
	Console Console // who is asked; Say is always used
	Ask     bool    // false: nobody is there, what is missing takes its default or is an error
	Prober  Prober  // nil: hosts are not tested
	Resolve Resolve // nil: names are not looked up
	Answers Answers
	Lab     string // the lab that is meant, "" for real hosts
}

// session is one interview.
type session struct {
	ctx     context.Context
	options Options
	draft   Draft
}

// Conduct asks what the answers leave open, tests the hosts, and returns a
// draft that makes a valid inventory.
func Conduct(ctx context.Context, options Options) (Draft, error) {
	s := &session{ctx: ctx, options: options}
	s.draft.SharedKernel = options.Lab != ""
	for _, step := range []func() error{s.cluster, s.login, s.hosts, s.test, s.addresses, s.roles, s.names, s.etcd, s.networks} {
		if err := ctx.Err(); err != nil {
			return Draft{}, context.Cause(ctx)
		}
		if err := step(); err != nil {
			return Draft{}, err
		}
	}
	sortHosts(s.draft.Hosts)
	return s.draft, s.draft.Check(ctx)
}

// say shows a line; hosts have their say in some, so that it is cleaned.
func (s *session) say(format string, args ...any) {
	s.options.Console.Say(report.Clean(fmt.Sprintf(format, args...)))
}

// ask repeats a question until check takes the answer. An empty line is the
// default, if there is one.
func (s *session) ask(question, fallback string, check func(string) error) (string, error) {
	prompt := question + ": "
	if fallback != "" {
		prompt = fmt.Sprintf("%s [%s]: ", question, fallback)
	}
	for {
		line, err := s.options.Console.Line(s.ctx, report.Clean(prompt))
		if err != nil {
			return "", err
		}
		line = strings.TrimSpace(line)
		if line == "" {
			line = fallback
		}
		if strings.ContainsFunc(line, isControl) {
			s.say("  The answer holds control characters; type it again.")
			continue
		}
		if err := check(line); err != nil {
			s.say("  %s", firstLine(err))
			continue
		}
		return line, nil
	}
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\ufffd' }

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// value is a known answer, the answer to the question, or the default.
func (s *session) value(known, question, fallback, flag string, check func(string) error) (string, error) {
	if known == "" && s.options.Ask {
		return s.ask(question, fallback, check)
	}
	if known == "" {
		known = fallback
	}
	if known == "" {
		return "", fmt.Errorf("cannot do without %s: give --%s, or answer on a terminal", flag, flag)
	}
	if err := check(known); err != nil {
		return "", fmt.Errorf("cannot take %s %q: %w", flag, known, err)
	}
	return known, nil
}

// yes asks a question that yes, y, no or n answers.
func (s *session) yes(question string, fallback bool) (bool, error) {
	words := map[bool]string{true: "yes", false: "no"}
	line, err := s.ask(question, words[fallback], oneOf("yes", "y", "no", "n"))
	return line == "yes" || line == "y", err
}

func oneOf(words ...string) func(string) error {
	return func(line string) error {
		for _, w := range words {
			if line == w {
				return nil
			}
		}
		return errors.New("Type " + strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1] + ".") //nolint:staticcheck // shown as it is
	}
}
