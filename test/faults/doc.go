// Package faults keeps what the tests proved of provision under faults: for each
// promise, how the fault was provoked and what was measured. A test records a
// row when it has passed; "make faults" merges the recorded rows into
// docs/faults.md. A rule test (test/rules) fails when a row that some test
// records is missing there.
package faults
