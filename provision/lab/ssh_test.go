package lab

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// nsenter stands for the way to a host: it runs a script in place of ssh.
func nsenter(t *testing.T, script string) *Lab {
	t.Helper()
	bin := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(bin, "nsenter"), []byte("#!/bin/sh\n"+script+"\n"), 0o755))
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	return &Lab{dir: t.TempDir(), state: &state{Version: stateVersion, Name: "x", ID: "x", Hosts: []hostState{
		{Name: "n1", Kind: Container, Machine: "h0", User: "ops", Port: 22, Address: netip.MustParseAddr("192.0.2.1")}}}}
}

func TestALoginShellThatHangsIsNotWaitedFor(t *testing.T) {
	l := nsenter(t, "exec sleep 600")
	began := time.Now()
	err := l.answers(t.Context(), "n1", 200*time.Millisecond)
	require.ErrorContains(t, err, "cannot log in to n1: its login shell ran nothing within 200ms")
	require.ErrorContains(t, err, "provision lab ssh --console n1")
	assert.Less(t, time.Since(began), time.Minute)
}

// A login that is refused is told by the login itself.
func TestALoginShellThatAnswersIsUsed(t *testing.T) {
	require.NoError(t, nsenter(t, "exit 0").answers(t.Context(), "n1", time.Minute))
	require.NoError(t, nsenter(t, "exit 255").answers(t.Context(), "n1", time.Minute))
	require.Error(t, nsenter(t, "exit 0").answers(t.Context(), "n2", time.Minute), "no such host")
}
