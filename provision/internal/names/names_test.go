package names

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// Whatever the text, the answers are those of the expression.
func TestAnswersAreThoseOfExpressions(t *testing.T) {
	sum, number, name := regexp.MustCompile(`\A[0-9a-f]{64}\z`), regexp.MustCompile(`\A[0-9]{1,3}\z`), regexp.MustCompile(`\A[a-z_][a-z0-9_-]{0,31}\z`)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringMatching(`[0-9a-f]{62,66}`), rapid.StringMatching(`[0-9]{0,5}`),
			rapid.StringMatching(`[a-z_0-9-]{0,34}`), rapid.String()).Draw(t, "text")
		assert.Equal(t, sum.MatchString(text), SHA256(text))
		assert.Equal(t, number.MatchString(text), Number(text, 3))
		assert.Equal(t, name.MatchString(text), Only(text, Lower+"_", Lower+Digits+"_-", 32))
	})
	assert.True(t, SHA256(strings.Repeat("0a", 32)))
	assert.False(t, SHA256(strings.Repeat("0a", 32)+"\n"))
}
