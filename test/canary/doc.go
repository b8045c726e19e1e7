// Package canary finds planted secrets in whatever a program left behind: as
// they are, and in the encodings in which they leak by accident. Tests plant
// canaries, let the program work, and search its outputs, processes and files.
package canary
