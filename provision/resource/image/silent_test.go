package image

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/system"
	"provision/provision/internal/system/systemfake"
)

// scripted is a ctr that answers the same to all.
type scripted struct{ err error }

func (scripted) LookPath(name string) string { return "/usr/local/bin/" + name }

func (s scripted) Run(context.Context, system.Command) (system.Result, error) {
	return system.Result{Code: 1}, s.err
}

// A containerd that hangs takes connections and says nothing: its images are
// not gone.
func TestAContainerdThatDoesNotAnswerHasNotLostItsImages(t *testing.T) {
	const dial = `ctr: failed to dial "/run/containerd/containerd.sock": `
	cases := map[string]struct{ hangs, fails bool }{
		dial + `connection error: desc = "transport: error while dialing: dial unix /run/containerd/containerd.sock: connect: connection refused"`:          {},
		dial + `connection error: desc = "transport: error while dialing: dial unix /run/containerd/containerd.sock: no such file or directory"`:            {},
		dial + `context deadline exceeded: connection error: desc = "transport: error while dialing: dial unix:///run/containerd/containerd.sock: timeout"`: {hangs: true, fails: true},
		`rpc error: code = DeadlineExceeded desc = context deadline exceeded`:                                                                               {hangs: true, fails: true},
		`connection error: desc = "error reading server preface: EOF"`:                                                                                      {fails: true},
	}
	for text, want := range cases {
		host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
		require.NoError(t, err)
		require.NoError(t, host.Put(socket, "", 0o600))
		host.System.Runner = scripted{errors.New(text)}
		state, err := kind{}.Observe(t.Context(), host.System, "a:1", Spec{})
		assert.Empty(t, state)
		if !want.fails {
			assert.NoError(t, err, text)
			continue
		}
		require.Error(t, err, text)
		if want.hangs {
			assert.ErrorContains(t, err, "containerd does not answer", text)
			assert.ErrorContains(t, err, "containerd.service", text)
		}
	}
}

func TestAQuestionToContainerdIsBounded(t *testing.T) {
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	assert.True(t, silent(ctx, errors.New("signal: killed")))
	assert.False(t, silent(t.Context(), errors.New("connection refused")))
}
