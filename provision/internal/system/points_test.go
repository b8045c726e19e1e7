package system

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A started command has a point with its process id, while it runs.
func TestACommandHasAPointWhileItRuns(t *testing.T) {
	var told []string
	runner := execRunner{func(name string) {
		pid := regexp.MustCompile(`^run:(\d+) cat -$`).FindStringSubmatch(name)
		require.Len(t, pid, 2, name)
		assert.FileExists(t, "/proc/"+pid[1]+"/stat")
		told = append(told, name)
	}}
	in, out, err := os.Pipe()
	require.NoError(t, err)
	defer in.Close()
	ended := make(chan struct{})
	go func() { defer close(ended); _ = out.Close() }()
	_, err = runner.Run(t.Context(), Command{Argv: []string{"cat", "-"}, Stdin: in})
	<-ended
	require.NoError(t, err)
	assert.Len(t, told, 1)
	_, err = runner.Run(t.Context(), Command{Argv: []string{"no-such-program"}})
	require.Error(t, err)
	assert.Len(t, told, 1, "what was not started has none")
}
