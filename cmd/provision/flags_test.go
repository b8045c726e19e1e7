package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFlagsKnownFromTerraformTakeOneDash(t *testing.T) {
	got := longFlags([]string{"plan", "-var", "a=1", "-var-file=x", "-o", "f", "-out=f", "-target", "m1", "-i", "x.hcl", "-v", "--var", "b=2", "--", "-var"})
	require.Equal(t, []string{"plan", "--var", "a=1", "--var-file=x", "-o", "f", "--out=f", "--target", "m1", "-i", "x.hcl", "-v", "--var", "b=2", "--", "-var"}, got)
}
