//go:build labhost

// These tests act on the machine they run on. They are built for lab hosts
// (go test -c -tags labhost) and refuse every other machine.
package resourcetest_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/system"
	"provision/provision/resource"
	"provision/provision/resource/file"
	"provision/provision/resource/image"
	"provision/provision/resource/kinds"
	"provision/provision/resource/kmod"
	"provision/provision/resource/pkg"
	"provision/provision/resource/sysctl"
	"provision/provision/resource/unit"
	"provision/provision/resource/user"
)

func host(t *testing.T) *system.System {
	t.Helper()
	_, err := os.Stat(system.LabMarker)
	require.NoError(t, err, "this is not a lab host")
	sys, err := system.Real("/", system.Options{})
	require.NoError(t, err)
	return sys
}

// cycle applies, checks that nothing is left to do, and returns the undo.
func cycle(t *testing.T, sys *system.System, want resource.Resource) (undo func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	kind, err := kinds.New().Find(want.Address.Kind)
	require.NoError(t, err)
	observe := func() json.RawMessage {
		started := time.Now()
		state, err := kind.Observe(ctx, sys, want.Address.Name, want.Spec)
		require.NoError(t, err, "observing %s", want.Address)
		t.Logf("%s observed in %s: %s", want.Address.ID(), time.Since(started).Round(100*time.Microsecond), state)
		return state
	}
	before, err := kind.Keep(ctx, sys, want.Address.Name, observe())
	require.NoError(t, err)
	require.NoError(t, kind.Apply(ctx, sys, want.Address.Name, want.Spec), "applying %s", want.Address)
	changes, err := kind.Diff(want.Address.Name, want.Spec, observe())
	require.NoError(t, err)
	assert.Empty(t, changes, "%s after apply", want.Address)
	require.NoError(t, kind.Apply(ctx, sys, want.Address.Name, want.Spec), "applying %s again", want.Address)
	return func() {
		t.Helper()
		require.NoError(t, kind.Restore(ctx, sys, want.Address.Name, before), "restoring %s", want.Address)
		back, err := kind.Observe(ctx, sys, want.Address.Name, want.Spec)
		require.NoError(t, err)
		var now, then map[string]any
		require.NoError(t, json.Unmarshal(back, &now))
		require.NoError(t, json.Unmarshal(before, &then))
		for field, value := range then {
			if object, ok := value.(map[string]any); ok {
				delete(object, "saved")
			}
			assert.Equal(t, value, now[field], "%s: %s after restore", want.Address, field)
		}
	}
}

const service = `[Unit]
Description=conformance
[Service]
Type=notify
NotifyAccess=all
ExecStart=/bin/sh -c 'systemd-notify --ready; exec sleep 1000'
[Install]
WantedBy=multi-user.target
`

func TestUnit(t *testing.T) {
	sys := host(t)
	removeFile := cycle(t, sys, file.Unit("h", "conformance.service", service))
	stop := cycle(t, sys, unit.Running("h", "conformance.service"))
	ctx := context.Background()
	require.NoError(t, sys.Settle(ctx))
	seen, err := host(t).Units.Status(ctx, "conformance.service")
	require.NoError(t, err)
	assert.Equal(t, "enabled", seen.UnitFileState, "to others too")
	first, err := sys.Units.Status(ctx, "conformance.service")
	require.NoError(t, err)
	assert.NotEmpty(t, first.InvocationID)
	require.NoError(t, sys.Units.Restart(ctx, "conformance.service"))
	second, err := sys.Units.Status(ctx, "conformance.service")
	require.NoError(t, err)
	assert.NotEqual(t, first.InvocationID, second.InvocationID, "a restart is another invocation")

	undoDropin := cycle(t, sys, file.Unit("h", "conformance.service.d/10-x.conf", "[Service]\nRestart=always\n"))
	third, err := sys.Units.Status(ctx, "conformance.service")
	require.NoError(t, err)
	assert.False(t, third.NeedReload, "the file kind reloads")
	assert.Equal(t, second.InvocationID, third.InvocationID, "and does not restart")
	undoDropin()
	stop()
	removeFile()
}

func TestUnitThatFails(t *testing.T) {
	sys := host(t)
	undo := cycle(t, sys, file.Unit("h", "failing.service",
		"[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo no good reason; exit 3'\n[Install]\nWantedBy=multi-user.target\n"))
	kind, err := kinds.New().Find(unit.Kind)
	require.NoError(t, err)
	err = kind.Apply(context.Background(), sys, "failing.service", unit.Running("h", "failing.service").Spec)
	require.ErrorContains(t, err, "job failed")
	assert.ErrorContains(t, err, "no good reason", "the log's tail")
	require.NoError(t, sys.Units.Disable(context.Background(), "failing.service"))
	require.NoError(t, sys.Units.ResetFailed(context.Background(), "failing.service"))
	undo()
}

func TestAccounts(t *testing.T) {
	sys := host(t)
	cycle(t, sys, resource.New("h", user.Kind, "conform", user.Spec{Home: "/var/lib/conform", Groups: []string{"adm"}}))()
	cycle(t, sys, resource.New("h", user.Kind, "conformgrp", user.Spec{GroupOnly: true}))()
}

func TestKernel(t *testing.T) {
	sys := host(t)
	cycle(t, sys, sysctl.New("h", "net.ipv4.ip_forward", "1"))()
	cycle(t, sys, sysctl.New("h", "net.ipv4.ip_local_port_range", "20000 60000"))()
	for _, module := range []string{"vxlan", "overlay", "nf_conntrack"} {
		cycle(t, sys, resource.New("h", kmod.Kind, module, kmod.Spec{CheckOnly: true}))()
	}
}

// TestPackages installs the .deb files that were put into the folder named by
// PROVISION_TEST_DEBS, in the order of their names.
func TestPackages(t *testing.T) {
	folder := os.Getenv("PROVISION_TEST_DEBS")
	require.NotEmpty(t, folder, "put .deb files into a folder and name it in PROVISION_TEST_DEBS")
	sys := host(t)
	files, err := filepath.Glob(folder + "/*.deb")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	require.NoError(t, sys.Files.Mkdir(system.BlobDir, system.Attr{Mode: 0o700}))
	var spec pkg.Spec
	for _, name := range files {
		digest, err := sys.Files.Digest(name)
		require.NoError(t, err)
		require.NoError(t, sys.Files.Link(name, system.BlobDir+"/"+digest, system.Attr{Mode: 0o600}))
		fields, err := sys.Runner.Run(context.Background(), system.Command{
			Argv: []string{"dpkg-deb", "--show", "--showformat=${Package}\n${Version}", name}})
		require.NoError(t, err)
		deb := pkg.Deb{File: filepath.Base(name), SHA256: digest}
		deb.Package, deb.Version = cut(string(fields.Stdout))
		spec.Debs = append(spec.Debs, deb)
	}
	spec.NoStart, spec.Hold = true, true
	main := spec.Debs[len(spec.Debs)-1].Package
	undo := cycle(t, sys, resource.New("h", pkg.Kind, main, spec))
	onHold := func() string {
		said, err := sys.Runner.Run(context.Background(), system.Command{Argv: []string{"apt-mark", "showhold"}})
		require.NoError(t, err)
		return string(said.Stdout)
	}
	assert.Equal(t, main+"\n", onHold(), "what it depends on is upgraded as ever")
	undo()
	assert.Empty(t, onHold())
}

// TestImage needs a running containerd and PROVISION_TEST_IMAGE, the path of an
// OCI archive, with its reference and manifest in two more variables.
func TestImage(t *testing.T) {
	name := os.Getenv("PROVISION_TEST_IMAGE")
	require.NotEmpty(t, name, "name an OCI archive in PROVISION_TEST_IMAGE")
	sys := host(t)
	digest, err := sys.Files.Digest(name)
	require.NoError(t, err)
	require.NoError(t, sys.Files.Mkdir(system.BlobDir, system.Attr{Mode: 0o700}))
	require.NoError(t, sys.Files.Link(name, system.BlobDir+"/"+digest, system.Attr{Mode: 0o600}))
	cycle(t, sys, image.New("h", os.Getenv("PROVISION_TEST_REFERENCE"), digest, os.Getenv("PROVISION_TEST_MANIFEST")))()
}

func cut(text string) (first, second string) {
	for i := range text {
		if text[i] == '\n' {
			return text[:i], text[i+1:]
		}
	}
	return text, ""
}
