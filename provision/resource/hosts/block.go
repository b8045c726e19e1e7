package hosts

import (
	"slices"
	"strings"
)

// block finds the lines of the marked block in a hosts file. A start without an
// end is a block of that one line: what follows may be somebody else's.
func block(content, mark string) (lines []string, found bool) {
	all := strings.Split(content, "\n")
	start := slices.Index(all, begin(mark))
	if start < 0 {
		return nil, false
	}
	end := slices.Index(all[start:], end(mark))
	if end < 0 {
		return nil, true
	}
	return all[start+1 : start+end], true
}

// replaced is content with the block holding lines, in place when it is there
// and at the end when not.
func replaced(content, mark string, lines []string) string {
	fresh := append(append([]string{begin(mark)}, lines...), end(mark))
	all := strings.Split(content, "\n")
	start := slices.Index(all, begin(mark))
	if start < 0 {
		if content != "" && !strings.HasSuffix(content, "\n") {
			content += "\n"
		}
		return content + strings.Join(fresh, "\n") + "\n"
	}
	rest := without(all[start:], mark)
	return strings.Join(append(append(slices.Clone(all[:start]), fresh...), rest...), "\n")
}

// removed is content without any block of the mark.
func removed(content, mark string) string {
	return strings.Join(without(strings.Split(content, "\n"), mark), "\n")
}

func without(lines []string, mark string) []string {
	out := []string{}
	for i := 0; i < len(lines); i++ {
		switch lines[i] {
		case begin(mark):
			if length := slices.Index(lines[i:], end(mark)); length > 0 {
				i += length
			}
		case end(mark):
		default:
			out = append(out, lines[i])
		}
	}
	return out
}

func begin(mark string) string { return "# BEGIN provision " + mark }
func end(mark string) string   { return "# END provision " + mark }
