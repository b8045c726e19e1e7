// Package terminal runs a program on a pseudo-terminal, for tests of what asks
// a person: Expect what it shows, Send what a person types.
package terminal
