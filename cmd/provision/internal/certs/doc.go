// Package certs has the verbs about certificates and keys.
package certs
