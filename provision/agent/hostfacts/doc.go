// Package hostfacts reads what files tell of a host: its operating system, its
// kernel, its boots and its addresses. Nothing is run.
package hostfacts
