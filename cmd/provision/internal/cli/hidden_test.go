package cli

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"provision/test/terminal"
)

func TestAnAnswerThatComesWithItsQuestionIsNotShown(t *testing.T) {
	keys, screen := terminal.Pair(t)
	echoes := func() bool {
		mode, err := unix.IoctlGetTermios(int(screen.Fd()), unix.TCGETS)
		require.NoError(t, err)
		return mode.Lflag&unix.ECHO != 0
	}
	require.True(t, echoes())
	answer, err := hidden(t.Context(), screen, func() {
		assert.False(t, echoes(), "while the question is shown")
		_, err := keys.WriteString("swordfish\n")
		assert.NoError(t, err)
	})
	require.NoError(t, err)
	assert.Equal(t, "swordfish", string(answer))
	assert.True(t, echoes(), "afterwards")
}
