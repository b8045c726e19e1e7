// Package catalogue is the table of artifacts that provision knows: for each the
// version it is tested with, where it is published and how it is built from
// source. It is data only; a new artifact is one row.
package catalogue
