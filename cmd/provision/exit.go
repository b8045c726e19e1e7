package main

import (
	"fmt"
	"regexp"
	"strings"
)

// Exit codes, as the help of the root command documents them.
const (
	exitOK          = 0
	exitError       = 1
	exitChanges     = 2
	exitInterrupted = 130
)

// exit is an error that only sets the exit code: everything was said already.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// interrupted is the end of a run that another command resumes than the one
// that started it.
type interrupted struct{ resume []string }

func (*interrupted) Error() string { return "interrupted" }

// commandLine shows arguments as a shell takes them.
func commandLine(args []string) string {
	plain := regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)
	words := []string{"provision"}
	for _, arg := range args {
		if !plain.MatchString(arg) {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}
