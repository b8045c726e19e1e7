// Package trust makes the folders of the cluster's files, puts the cluster CA's
// certificate where all programs of a host share it, and gives the host access of
// its own to the API.
package trust
