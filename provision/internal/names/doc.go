// Package names checks names from hosts and specs by their characters. It does
// what regular expressions would, for programs that must stay small: the agent
// has no regexp. It imports nothing of ours.
package names
