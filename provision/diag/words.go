package diag

import (
	"fmt"
	"strings"

	"github.com/agext/levenshtein"
)

// Quote shows a value of the input, bounded and without control characters.
func Quote(s string) string {
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return `"` + Printable(s) + `"`
}

// DidYouMean returns "; did you mean …?" for the word nearest to s, or "".
func DidYouMean(s string, words []string) string {
	if len(s) > 64 || len(words) > 500 {
		return ""
	}
	best, bestAt := "", 4
	for _, w := range words {
		if d := levenshtein.Distance(strings.ToLower(s), strings.ToLower(w), nil); d < bestAt && d*2 <= max(len(w), 2) {
			best, bestAt = w, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}
