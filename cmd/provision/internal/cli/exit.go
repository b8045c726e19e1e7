package cli

import (
	"fmt"
	"regexp"
	"strings"
)

// Exit codes, as the help of the root command documents them.
const (
	ExitOK          = 0
	ExitError       = 1
	exitChanges     = 2
	ExitInterrupted = 130
)

// Exit is an error that only sets the exit code: everything was said already.
type Exit int

func (e Exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// Interrupted is the end of a run that another command resumes than the one
// that started it.
type Interrupted struct{ Resume []string }

func (*Interrupted) Error() string { return "interrupted" }

// CommandLine shows arguments as a shell takes them.
func CommandLine(args []string) string {
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
