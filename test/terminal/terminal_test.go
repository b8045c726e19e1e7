package terminal

import (
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAProgramThatAsks(t *testing.T) {
	x := Start(t, exec.Command("sh", "-c", `test -t 0 && test -t 1 && test -t 2 || exit 9
printf 'Name: '; read name; printf 'Again: '; read again; echo "$name, $again"; exit 3`))
	x.Expect("Name: ")
	x.Send("ann")
	x.Expect("Again: ")
	x.Send("bob")
	assert.Equal(t, "bob\nann, bob", x.Expect("ann, bob"), "what is typed is shown, too")
	code, output := x.Wait()
	assert.Equal(t, 3, code)
	assert.Contains(t, output, "ann, bob\n")
}

func TestKeysThatInterrupt(t *testing.T) {
	x := Start(t, exec.Command("sh", "-c", `echo ready; exec sleep 600`)) // a shell's trap may miss what comes just before it reads
	x.Expect("ready")
	x.Press("\x03")
	x.Wait()
	status, ok := x.cmd.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, ok)
	assert.Equal(t, syscall.SIGINT, status.Signal())
}

func TestCloseEndsAProgramThatStays(t *testing.T) {
	x := Start(t, exec.Command("sleep", "600"))
	x.Close()
	assert.False(t, x.cmd.ProcessState.Success())
	x.Close()
}
