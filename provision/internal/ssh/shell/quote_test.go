package shell_test

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/ssh/shell"
)

func TestJoin(t *testing.T) {
	tests := map[string][]string{
		`/bin/ls -l a.txt`:   {"/bin/ls", "-l", "a.txt"},
		`'if' then`:          {"if", "then"},
		`'A=b' ''`:           {"A=b", ""},
		`'echo' 'it'\''s'`:   {"echo", "it's"},
		`'echo' '~' '*' '!'`: {"echo", "~", "*", "!"},
	}
	for want, argv := range tests {
		got, err := shell.Join(argv)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, argv := range [][]string{nil, {"a\x00"}} {
		_, err := shell.Join(argv)
		assert.Error(t, err)
	}
}

// FuzzJoin lets a real shell split what Join has made.
func FuzzJoin(f *testing.F) {
	for _, s := range []string{"", "a b", "it's", `\`, "$HOME `id` $(id)", "new\nline\n", "é\xff", "-n", "!!", "''", "~root", "{a,b}", "#", "a=b", "\r\t\x01"} {
		f.Add(s, "x", s)
	}
	f.Fuzz(func(t *testing.T, a, b, c string) {
		argv := []string{"printf", `%s\0`, a, b, c}
		line, err := shell.Join(argv)
		if strings.ContainsRune(a+b+c, 0) {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		split, err := shell.Split(line)
		require.NoError(t, err)
		assert.Equal(t, argv, split)
		var stderr bytes.Buffer
		cmd := exec.Command("/bin/sh", "-c", line)
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		require.NoError(t, err, stderr.String())
		assert.Equal(t, a+"\x00"+b+"\x00"+c+"\x00", string(out))
	})
}

func TestParseStart(t *testing.T) {
	argv := shell.Start("mark!", "/dir", "sum", "", []string{"serve", "nonce"})
	line, err := shell.Join(append([]string{"env", "LC_ALL=C", "sudo", "-n", "--"}, argv...))
	require.NoError(t, err)
	split, err := shell.Split(line)
	require.NoError(t, err)
	mark, args, ok := shell.ParseStart(split)
	require.True(t, ok)
	assert.Equal(t, "mark!", mark)
	assert.Equal(t, []string{"serve", "nonce"}, args)
	_, _, ok = shell.ParseStart([]string{"true"})
	assert.False(t, ok)
	_, err = shell.Split("'open")
	assert.Error(t, err)
}
