// Package interview makes an inventory out of answers: those that a person
// gives to questions, and those of flags or of a file. It asks through a
// Console and tests hosts through a Prober, so it is pure but for them; what it
// writes is checked by the same code that reads inventories.
//
// It may import the inventory, facts and report.
package interview
