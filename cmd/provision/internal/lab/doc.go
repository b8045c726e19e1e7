// Package lab has the verbs about labs and their faults.
package lab
