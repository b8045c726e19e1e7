// Package e2e drives the real provision binary on lab hosts, journey by
// journey: what a person would type, and what must be true afterwards.
// It is built with the tag e2e; see README.md.
package e2e
