// Package soak lists the journeys that are too long for make test, and says
// whether their committed results still speak of today's code: a result carries
// a hash of the folders that its journey covers.
package soak
