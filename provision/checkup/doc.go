// Package checkup looks at hosts that run: what each must have by its roles, and
// how what it has is doing. Status, doctor, certs status and support are made of
// it. Nothing is changed.
package checkup
