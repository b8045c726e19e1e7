// Package inventory turns HCL into a validated Inventory: schema, defaults,
// functions, variables and cross-checks, with every problem reported at once,
// each with its source range. It is pure but for the files it is told to read,
// and never opens a connection. It may import provision/diag only.
package inventory
