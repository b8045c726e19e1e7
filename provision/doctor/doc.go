// Package doctor turns what is known of a cluster's hosts into findings: what
// is wrong, why, what it follows from, and what fixes it. It is pure; package
// provision gathers what it judges.
package doctor
