// Package s3 keeps backups in a bucket. Every upload carries a digest, which
// buckets with object lock demand.
package s3
