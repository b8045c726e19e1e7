package component

import (
	"sort"
	"strings"
)

// Flags are the command-line flags of a program.
type Flags map[string]string

// Merge returns the flags with others put over them.
func (f Flags) Merge(over map[string]string) Flags {
	merged := Flags{}
	for name, value := range f {
		merged[name] = value
	}
	for name, value := range over {
		merged[strings.TrimLeft(name, "-")] = value
	}
	return merged
}

// ExecStart is the value of a unit's ExecStart=: one flag a line, sorted, each
// quoted for systemd.
func (f Flags) ExecStart(program string) string {
	names := make([]string, 0, len(f))
	for name := range f {
		names = append(names, name)
	}
	sort.Strings(names)
	var text strings.Builder
	text.WriteString(program)
	for _, name := range names {
		text.WriteString(" \\\n  " + Quote("--"+name+"="+f[name]))
	}
	return text.String()
}

// Quote writes one argument of a unit's command line. Everything that systemd
// would expand (specifiers, variables, escapes) is taken literally.
func Quote(argument string) string {
	escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%", "$", "$$", "\n", `\n`).Replace(argument)
	if escaped == argument && argument != "" && !strings.ContainsAny(argument, " \t';#") {
		return argument
	}
	return `"` + escaped + `"`
}
