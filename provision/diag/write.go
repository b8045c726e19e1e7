package diag

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Style says how to print for people.
type Style struct {
	Color bool
	Width int // columns for wrapping; 0 does not wrap
}

const (
	red    = "\x1b[1;31m"
	yellow = "\x1b[1;33m"
	bold   = "\x1b[1m"
	reset  = "\x1b[0m"
)

// Write prints the list for people, each with its places and lines.
func Write(w io.Writer, list List, style Style) error {
	for _, d := range list {
		if err := writeOne(w, d, style); err != nil {
			return fmt.Errorf("writing diagnostics: %w", err)
		}
	}
	return nil
}

func writeOne(w io.Writer, d Diagnostic, style Style) error {
	color, word := red, "Error"
	if d.Severity == Warning {
		color, word = yellow, "Warning"
	}
	bar := style.paint(color, "│") + " "
	lines := []string{style.paint(color, word+": ") + style.paint(bold, printableText(d.Summary)), ""}
	for i, p := range d.Places {
		lines = append(lines, place(p, i)...)
	}
	if len(d.Places) > 0 {
		lines = append(lines, "")
	}
	if d.Detail != "" {
		lines = append(lines, wrap(printableText(d.Detail), style.Width-2)...)
	}
	var b strings.Builder
	b.WriteString(style.paint(color, "╷") + "\n")
	for _, line := range lines {
		b.WriteString(strings.TrimRight(bar+line, " ") + "\n")
	}
	b.WriteString(style.paint(color, "╵") + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func place(p Place, i int) []string {
	word := "on"
	if i > 0 {
		word = "and on"
		if p.Label != "" {
			word = Printable(p.Label) + " on"
		}
	}
	head := fmt.Sprintf("  %s %s line %d:", word, Printable(p.Range.Filename), p.Range.Start.Line)
	if p.Snippet == "" {
		return []string{strings.TrimSuffix(head, ":")}
	}
	lines := []string{head, fmt.Sprintf("  %4d: %s", p.Range.Start.Line, p.Snippet)}
	if marks := underline(p); marks != "" {
		lines = append(lines, marks)
	}
	return lines
}

// underline puts a line of marks under what is meant, without depending on
// colour.
func underline(p Place) string {
	start, width := p.Range.Start.Column-1, p.Range.End.Column-p.Range.Start.Column
	length := utf8.RuneCountInString(p.Snippet)
	if p.Range.End.Line != p.Range.Start.Line {
		width = length - start
	}
	if width <= 0 || start < 0 || start+width > length {
		return ""
	}
	return strings.Repeat(" ", 8+start) + strings.Repeat("^", width)
}

func (s Style) paint(code, text string) string {
	if !s.Color {
		return text
	}
	return code + text + reset
}

func printableText(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
				return '?'
			}
			return r
		}, line)
	}
	return strings.Join(lines, "\n")
}

// wrap breaks lines between words; lines that start with a space are kept.
func wrap(s string, width int) []string {
	var out []string
	for _, line := range strings.Split(s, "\n") {
		if width < 20 || strings.HasPrefix(line, " ") {
			out = append(out, line)
			continue
		}
		current, n := "", 0
		for _, word := range strings.Fields(line) {
			size := utf8.RuneCountInString(word)
			if n > 0 && n+1+size > width {
				out = append(out, current)
				current, n = "", 0
			}
			if n > 0 {
				current, n = current+" ", n+1
			}
			current, n = current+word, n+size
		}
		out = append(out, current)
	}
	return out
}
