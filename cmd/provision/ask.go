package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
)

// answer asks a question on the terminal and returns the line.
func (g *global) answer(question string) (string, error) {
	if !g.ask {
		return "", errors.New("cannot ask for consent: standard input is not a terminal; use --yes")
	}
	fmt.Fprint(g.out, question)
	line, err := bufio.NewReader(g.in).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("reading the answer: %w", err)
	}
	return strings.TrimSpace(line), nil
}

// ask1 asks for a yes.
func (g *global) ask1(question string) (bool, error) {
	line, err := g.answer(question)
	return line == "yes", err
}
