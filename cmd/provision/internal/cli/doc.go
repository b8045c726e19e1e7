// Package cli is what all verbs share: flags, streams, questions and consent, the
// inventory and the operator, and how a run is shown.
package cli
