// Package debs fetches OS packages with everything that they need beyond a
// minimal host, using the operator's apt with a state of its own: neither the
// packages nor the settings of the operator's machine play a part, and apt
// checks the distribution's signatures. Only Debian and Ubuntu.
package debs
