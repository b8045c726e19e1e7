// Package snapshot records what stands at a path, so that kinds which own a
// file can compare it and put it back. It imports only the system seam.
package snapshot
