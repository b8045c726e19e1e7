package cli

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
)

// Answer asks a question on the terminal and returns the line.
func (g *Global) Answer(question string) (string, error) {
	if !g.Ask {
		return "", errors.New("cannot ask for consent: standard input is not a terminal; use --yes")
	}
	fmt.Fprint(g.Out, question)
	line, err := bufio.NewReader(g.In).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("reading the answer: %w", err)
	}
	return strings.TrimSpace(line), nil
}

// Ask1 asks for a yes.
func (g *Global) Ask1(question string) (bool, error) {
	line, err := g.Answer(question)
	return line == "yes", err
}
