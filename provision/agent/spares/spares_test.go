package spares

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTheLineThatTellsMostComesFirst(t *testing.T) {
	said := []string{"I1129 starting", `E1129 08:00:00 run.go:72] "command failed" err="cannot unmarshal string"`, "a", "b"}
	assert.Equal(t, []string{said[1], said[0], "a", "b"}, foremost(said))
	assert.Equal(t, []string{"a", "b"}, foremost([]string{"a", "b"}))
	long := strings.Split("fatal: x"+strings.Repeat("\ny", 30), "\n")
	assert.Equal(t, append([]string{"fatal: x"}, long[23:]...), foremost(long))
	assert.Empty(t, foremost(nil))
}
