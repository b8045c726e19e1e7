package pkg_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"

	"provision/provision/internal/system/systemfake"
	"provision/provision/resource/pkg"
	"provision/provision/resource/resourcetest"
)

func deb(name, version string, depends ...string) (pkg.Deb, []byte) {
	content := systemfake.Deb(name, version, depends...)
	sum := sha256.Sum256(content)
	return pkg.Deb{File: name + ".deb", SHA256: hex.EncodeToString(sum[:]), Package: name, Version: version}, content
}

// host has the closure's blobs and one package that is always there.
func host(setup func(*systemfake.Host) error, contents ...[]byte) func(*systemfake.Host) error {
	return func(host *systemfake.Host) error {
		err := errors.Join(
			host.Put("/usr/sbin/invoke-rc.d", "", 0o755),
			host.Commands.SetPackage("libc6", systemfake.Package{Version: "2.36-9", Status: "ii"}))
		for _, content := range contents {
			_, stored := host.PutBlob(content)
			err = errors.Join(err, stored)
		}
		if setup != nil {
			err = errors.Join(err, setup(host))
		}
		return err
	}
}

// status is what somebody did with dpkg.
func status(host *systemfake.Host, name, version, status string, depends ...string) error {
	return host.Commands.SetPackage(name, systemfake.Package{Version: version, Status: status, Depends: depends})
}

func TestConformance(t *testing.T) {
	haproxy, haproxyFile := deb("haproxy", "2.6.12-1", "liblua", "libc6")
	lua, luaFile := deb("liblua", "5.3.6-2", "libc6")
	libc, libcFile := deb("libc6", "2.36-9")
	spec := pkg.Spec{Debs: []pkg.Deb{libc, lua, haproxy}}
	quiet := pkg.Spec{Debs: spec.Debs, NoStart: true}
	holding := pkg.Spec{Debs: spec.Debs, Hold: true}
	ownPolicy := func(host *systemfake.Host) error {
		return host.Put("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 0\n", 0o750)
	}
	resourcetest.Run(t,
		resourcetest.Case{Title: "closure", Kind: pkg.Of(), Name: "haproxy", Spec: spec, Setup: host(nil, haproxyFile, luaFile, libcFile), Drifts: map[string]func(*systemfake.Host) error{
			"removed":         func(host *systemfake.Host) error { return status(host, "haproxy", "2.6.12-1", "rc") },
			"older":           func(host *systemfake.Host) error { return status(host, "liblua", "5.3.6-1", "ii") },
			"half configured": func(host *systemfake.Host) error { return status(host, "haproxy", "2.6.12-1", "iF", "liblua", "libc6") },
		}},
		resourcetest.Case{Title: "no start", Kind: pkg.Of(), Name: "haproxy", Spec: quiet, Setup: host(nil, haproxyFile, luaFile, libcFile)},
		resourcetest.Case{Title: "no start with a policy", Kind: pkg.Of(), Name: "haproxy", Spec: quiet, Setup: host(ownPolicy, haproxyFile, luaFile, libcFile)},
		resourcetest.Case{Title: "held", Kind: pkg.Of(), Name: "haproxy", Spec: holding, Setup: host(nil, haproxyFile, luaFile, libcFile), Drifts: map[string]func(*systemfake.Host) error{
			"let go":         func(host *systemfake.Host) error { return status(host, "haproxy", "2.6.12-1", "ii", "liblua", "libc6") },
			"older and held": func(host *systemfake.Host) error { return status(host, "haproxy", "2.6.11-1", "hi", "liblua", "libc6") },
		}},
		resourcetest.Case{Title: "held, and there before", Kind: pkg.Of(), Name: "libc6", Spec: holding, Setup: host(nil, haproxyFile, luaFile, libcFile)},
		resourcetest.Case{Title: "from the repository", Kind: pkg.Of(), Name: "chrony", Spec: pkg.Spec{}, Setup: host(nil)},
	)
}
