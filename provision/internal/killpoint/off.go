//go:build !killpoints

package killpoint

// Agent is what an agent calls at each point; nil: nothing.
func Agent() func(point string) { return nil }

// Operator is what an operator calls at each point; nil: nothing.
func Operator() func(point string) { return nil }
