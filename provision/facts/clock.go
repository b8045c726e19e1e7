package facts

import (
	"slices"
	"time"
)

// Middle is what clocks, as far as each is ahead of the operator's, are compared
// with: the one in the middle. Of two in the middle it is the one that is nearer
// to the operator's, so that of two hosts not the right one is blamed.
func Middle(ahead []time.Duration) time.Duration {
	if len(ahead) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(ahead))
	low, high := sorted[(len(sorted)-1)/2], sorted[len(sorted)/2]
	if high.Abs() < low.Abs() {
		return high
	}
	return low
}
