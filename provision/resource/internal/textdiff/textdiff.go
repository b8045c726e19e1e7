package textdiff

import (
	"fmt"
	"strings"
)

// context is how many unchanged lines surround a change.
const context = 2

// maxLines is how much of a diff is shown.
const maxLines = 60

// maxCells bounds the work of comparing (lines times lines).
const maxCells = 1 << 20

type line struct {
	op   byte // ' ', '-', '+'
	text string
}

// Unified is a unified diff without file names, cut when it is long; "" when
// the texts are equal or too long to compare.
func Unified(before, after string) string {
	a, b := split(before), split(after)
	if before == after || len(a)*len(b) > maxCells {
		return ""
	}
	return render(compare(a, b))
}

func split(text string) []string {
	if text == "" {
		return nil
	}
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		return lines[:len(lines)-1]
	}
	lines[len(lines)-1] += "\n\\ no newline at end\n"
	return lines
}

// compare is the longest common subsequence, by table.
func compare(a, b []string) []line {
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var out []line
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, line{' ', a[i]})
			i, j = i+1, j+1
		case i < len(a) && (j == len(b) || common[i+1][j] >= common[i][j+1]):
			out = append(out, line{'-', a[i]})
			i++
		default:
			out = append(out, line{'+', b[j]})
			j++
		}
	}
	return out
}

func render(lines []line) string {
	shown := make([]bool, len(lines))
	for i, l := range lines {
		if l.op != ' ' {
			for k := max(0, i-context); k <= min(len(lines)-1, i+context); k++ {
				shown[k] = true
			}
		}
	}
	var out strings.Builder
	count, oldLine, newLine := 0, 1, 1
	for i, l := range lines {
		if shown[i] {
			if count++; count > maxLines {
				out.WriteString("…\n")
				break
			}
			if i == 0 || !shown[i-1] {
				fmt.Fprintf(&out, "@@ -%d +%d @@\n", oldLine, newLine)
			}
			out.WriteByte(l.op)
			out.WriteString(l.text)
		}
		if l.op != '+' {
			oldLine++
		}
		if l.op != '-' {
			newLine++
		}
	}
	return out.String()
}
