// Package calendar reads the part of systemd's calendar expressions that
// backups are scheduled with, so that every host knows which slot it is in.
package calendar
