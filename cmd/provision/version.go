package main

import "runtime/debug"

// release is stamped with -X provision/cmd/provision/internal/cli.Release when a release is built.
var release = "dev"

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return release
	}
	return release + " " + info.GoVersion
}
