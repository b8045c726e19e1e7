package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"provision/cmd/provision/internal/cli"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestCommandsOfPagesParse reads the commands that pages show: their verbs and
// flags exist, and whole lines have the arguments that the verb takes.
func TestCommandsOfPagesParse(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	more, err := filepath.Glob("../../docs/decisions/*.md")
	require.NoError(t, err)
	number := 0
	for _, page := range append(append(pages, more...), "../../README.md") {
		raw, err := os.ReadFile(page)
		require.NoError(t, err)
		lines, mentions := commandsOf(string(raw))
		number += len(lines) + len(mentions)
		for _, line := range lines {
			assert.NoError(t, parses(line, true), "%s: %s", page, line)
		}
		for _, mention := range mentions {
			assert.NoError(t, parses(mention, false), "%s: %s", page, mention)
		}
	}
	require.Greater(t, number, 100)
}

func TestExamplesOfVerbsParse(t *testing.T) {
	var look func(cmd *cobra.Command)
	look = func(cmd *cobra.Command) {
		lines, _ := commandsOf(cmd.Example)
		for _, line := range lines {
			assert.NoError(t, parses(line, true), "%s: %s", cmd.CommandPath(), line)
		}
		if !cmd.HasSubCommands() && !cmd.Hidden {
			assert.NotEmpty(t, lines, "%s has no example", cmd.CommandPath())
		}
		for _, sub := range cmd.Commands() {
			look(sub)
		}
	}
	look(newRoot(mute()))
}

// TestCommandsThatMessagesNameParse reads the commands that errors and hints
// tell operators to run.
func TestCommandsThatMessagesNameParse(t *testing.T) {
	named := regexp.MustCompile(`(?:: |\\")provision ([a-z][a-z-]*(?: (?:[a-z][a-z-]*|--[a-z-]+))*)`)
	number := 0
	for _, folder := range []string{"../../provision", "."} {
		require.NoError(t, filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			raw, err := os.ReadFile(path)
			for line := range strings.Lines(string(raw)) {
				if strings.HasPrefix(strings.TrimSpace(line), "//") {
					continue
				}
				for _, found := range named.FindAllStringSubmatch(line, -1) {
					number++
					assert.NoError(t, parses("provision "+found[1], false), "%s: %s", path, found[0])
				}
			}
			return err
		}))
	}
	require.Greater(t, number, 20)
}

// commandsOf are the calls of provision on a page: lines of code, and mentions
// in the text.
func commandsOf(page string) (lines, mentions []string) {
	call := regexp.MustCompile(`^(?:\$ )?(?:[A-Z_]+=\S* )*(?:sudo )?(?:bin/)?provision (.*)`)
	span := regexp.MustCompile("`[^`]+`")
	text, fenced := strings.Builder{}, false
	for line := range strings.Lines(strings.ReplaceAll(page, "\\\n", " ")) {
		trimmed := strings.TrimSpace(line)
		switch found := call.FindStringSubmatch(trimmed); {
		case strings.HasPrefix(trimmed, "```"):
			fenced = !fenced
		case found != nil && (fenced || line != strings.TrimLeft(line, " ")):
			lines = append(lines, "provision "+found[1])
		case !fenced:
			text.WriteString(line)
		}
	}
	for _, found := range span.FindAllString(text.String(), -1) {
		if found := call.FindStringSubmatch(strings.Join(strings.Fields(strings.Trim(found, "`")), " ")); found != nil {
			mentions = append(mentions, "provision "+found[1])
		}
	}
	return lines, mentions
}

// parses reads a command as the program does, and does not run it. A whole one
// has all its arguments, unless it shows in brackets what can be left out. KIND
// stands for one of its values.
func parses(line string, whole bool) error {
	line, _, _ = strings.Cut(line, " #")
	whole = whole && !strings.Contains(line, " [")
	line = strings.NewReplacer("[", "", "]", "", "{", "", "}", "", " | --", " --", "KIND", "network").Replace(line)
	if end := strings.IndexAny(line, "|><&;"); end >= 0 {
		line = line[:end]
	}
	cmd, args, err := newRoot(mute()).Find(longFlags(strings.Fields(line)[1:]))
	if err != nil {
		return err
	}
	var without *pflag.ValueRequiredError
	if err := cmd.ParseFlags(args); err != nil && (whole || !errors.As(err, &without)) {
		return err
	}
	args = cmd.Flags().Args()
	switch {
	case !cmd.HasParent() && cmd.Flags().NFlag() == 0:
		return fmt.Errorf("no verb: %s", strings.Join(args, " "))
	case !whole && !cmd.HasSubCommands():
		return nil
	}
	return cmd.ValidateArgs(args)
}

func mute() cli.Streams {
	return cli.Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard, Env: func(string) (string, bool) { return "", false }}
}

func TestCommandsThatDoNotParse(t *testing.T) {
	for line, whole := range map[string]bool{
		"provision aply": false, "provision node remov n1": false, "provision plan --dtailed": false, "provision wrote": false,
		"provision logs m1": true, "provision certs rotate-ca kubelet": true, "provision node drain n1 --timeout": true,
	} {
		require.Error(t, parses(line, whole), line)
	}
	lines, mentions := commandsOf("Use `provision\nplan` or:\n\n    sudo bin/provision apply # all\n```\n$ A=b provision status\nprovision\n```\nprovision writes `more`.\n")
	require.Equal(t, []string{"provision apply # all", "provision status"}, lines)
	require.Equal(t, []string{"provision plan"}, mentions)
}
