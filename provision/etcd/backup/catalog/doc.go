// Package catalog reads what backups lie at targets, and gets one of them: opened
// with the identities of whoever may read it, and compared with its manifest.
// Nothing of it depends on a cluster that answers.
package catalog
