package cli

import "runtime/debug"

// Release is stamped with -X provision/cmd/provision/internal/cli.Release when a release is built.
var Release = "dev"

func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return Release
	}
	return Release + " " + info.GoVersion
}
