// Package plan assigns pod CIDRs to hosts. It is pure and imports nothing of
// ours: what is assigned never moves.
package plan
