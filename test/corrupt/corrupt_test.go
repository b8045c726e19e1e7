package corrupt

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestInputsAreTheSameForTheSameSeedAndNoneIsASample(t *testing.T) {
	sample := []byte("{\"a\": 1,\n \"b\": [22, 333]}\n")
	first := slices.Collect(Inputs(1, 500, sample, []byte("x")))
	assert.Len(t, first, 500)
	assert.Equal(t, first, slices.Collect(Inputs(1, 500, sample, []byte("x"))))
	assert.NotEqual(t, first, slices.Collect(Inputs(2, 500, sample, []byte("x"))))
	assert.False(t, slices.ContainsFunc(first, func(in []byte) bool { return string(in) == string(sample) || string(in) == "x" }))
	assert.Equal(t, "{\"a\": 1,\n \"b\": [22, 333]}\n", string(sample), "the sample stays as it is")
}

func TestFeedCounts(t *testing.T) {
	tally := Feed(t, 1, func(in []byte) bool { return json.Valid(in) }, []byte(`{"a": [1, 2, 3]}`))
	assert.Equal(t, Many, tally.Inputs)
	assert.Equal(t, Many, tally.Accepted+tally.Rejected)
	assert.Greater(t, tally.Accepted, 100)
	assert.Greater(t, tally.Rejected, 1000)
}
