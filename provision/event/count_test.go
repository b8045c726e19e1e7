package event

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCount(t *testing.T) {
	assert.Equal(t, "0 hosts", Count(0, "host"))
	assert.Equal(t, "1 host", Count(1, "host"))
	assert.Equal(t, "20 hosts", Count(20, "host"))
}

func TestFew(t *testing.T) {
	assert.Equal(t, "a, b", Few([]string{"a", "b"}))
	assert.Equal(t, "a, b, c, d, e, f", Few([]string{"a", "b", "c", "d", "e", "f"}), "one more is as short as its number")
	assert.Equal(t, "a, b, c, d, e and 2 more", Few([]string{"a", "b", "c", "d", "e", "f", "g"}))
}
