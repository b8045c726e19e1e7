// Package rules holds the tests that keep the source in shape: what imports
// what, which folders are listed where, how long files and functions are, and
// what the agent may consist of. It imports nothing of ours: it reads source.
package rules
