// Package corrupt feeds parsers of foreign input with damaged samples: bits
// flipped, ends cut off, parts taken out, doubled, swapped or spliced, numbers
// made huge, control characters put in. The same seed makes the same inputs.
//
// A test says for each input that the parser accepts why that is right: what it
// made of the input must satisfy the parser's own invariant.
package corrupt
