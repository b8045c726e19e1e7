// Package stamped makes, for tests, builds that differ from real ones by the
// version that they say: the digits in the program are exchanged, which takes no
// compiler.
package stamped
