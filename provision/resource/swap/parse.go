package swap

import (
	"fmt"
	"strings"
)

// mark is put before fstab lines that we turn off.
const mark = "# provision: "

// parseSwaps reads /proc/swaps: device and priority of each line. The kernel
// writes odd characters of a path in octal; they stay so.
func parseSwaps(content string) []string {
	var devices []string
	first := true
	for line := range strings.Lines(content) {
		fields := strings.Fields(line)
		if first || len(fields) != 5 {
			first = false
			continue
		}
		devices = append(devices, fields[0]+" "+fields[4])
	}
	return devices
}

// isSwap tells whether a line of fstab(5) is an active swap entry.
func isSwap(line string) bool {
	fields := strings.Fields(line)
	return len(fields) >= 3 && !strings.HasPrefix(fields[0], "#") && fields[2] == "swap"
}

func swapLines(table string) []string {
	var found []string
	for line := range strings.Lines(table) {
		if isSwap(line) {
			found = append(found, strings.TrimRight(line, "\n"))
		}
	}
	return found
}

func commented(table string) string {
	var out strings.Builder
	for line := range strings.Lines(table) {
		if isSwap(line) {
			out.WriteString(mark)
		}
		out.WriteString(line)
	}
	return out.String()
}

func uncommented(table string) string {
	var out strings.Builder
	for line := range strings.Lines(table) {
		out.WriteString(strings.TrimPrefix(line, mark))
	}
	return out.String()
}

// unitOf is the swap unit of a device, named as systemd.unit(5) says.
func unitOf(device string) string {
	path, _, _ := strings.Cut(device, " ")
	path = strings.Trim(path, "/")
	var out strings.Builder
	for i := range len(path) {
		c := path[i]
		switch {
		case c == '/':
			out.WriteByte('-')
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == ':', c == '_', c == '.' && i > 0:
			out.WriteByte(c)
		default:
			fmt.Fprintf(&out, `\x%02x`, c)
		}
	}
	return out.String() + ".swap"
}
