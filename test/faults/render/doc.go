// Command render merges recorded rows into docs/faults.md; run it from the work
// tree's root.
package main
