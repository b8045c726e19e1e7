// Package release says what an add-on wants installed: a chart, its values and
// the images it needs. The kind that installs it is provision/resource/release.
package release
