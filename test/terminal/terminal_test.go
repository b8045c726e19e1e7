package terminal

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
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
	x := Start(t, exec.Command("sh", "-c", `trap 'echo stopped; exit 130' INT; echo ready; while :; do read line; done`))
	x.Expect("ready")
	x.Press("\x03")
	code, _ := x.Wait()
	assert.Equal(t, 130, code)
}

func TestCloseEndsAProgramThatStays(t *testing.T) {
	x := Start(t, exec.Command("sleep", "600"))
	x.Close()
	assert.False(t, x.cmd.ProcessState.Success())
	x.Close()
}
