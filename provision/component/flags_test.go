package component_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/provision/component"
)

func TestQuoteTakesEverythingLiterally(t *testing.T) {
	for argument, want := range map[string]string{
		"--a=b":         "--a=b",
		"":              `""`,
		"--a=b c":       `"--a=b c"`,
		"--a=$HOME":     `"--a=$$HOME"`,
		"--a=%n":        `"--a=%%n"`,
		`--a="x"`:       `"--a=\"x\""`,
		`--a=\n`:        `"--a=\\n"`,
		"--a=1;2":       `"--a=1;2"`,
		"--a=1\n[Unit]": `"--a=1\n[Unit]"`,
	} {
		assert.Equal(t, want, component.Quote(argument), argument)
	}
}

func TestFlagsAreSortedAndOverridden(t *testing.T) {
	flags := component.Flags{"b": "2", "a": "1"}
	merged := flags.Merge(map[string]string{"--c": "3", "a": "x"})
	assert.Equal(t, "/bin/p \\\n  --a=x \\\n  --b=2 \\\n  --c=3", merged.ExecStart("/bin/p"))
	assert.Equal(t, "1", flags["a"], "the original is left alone")
}
