// Package remote reaches hosts over SSH and starts their agents there: the
// real implementation of fleet.Connector.
package remote
