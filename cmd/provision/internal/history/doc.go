// Package history has the verbs about past runs, and the way back.
package history
