package agent_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/internal/system"
	"provision/provision/resource/hugepages"
)

const bootFile = "/proc/sys/kernel/random/boot_id"

// power is systemd, as far as boots go.
type power struct {
	orders []string
	state  string
	code   int
	err    error
}

func (*power) LookPath(string) string { return "" }

func (p *power) Run(_ context.Context, c system.Command) (system.Result, error) {
	line := strings.Join(c.Argv, " ")
	if !strings.HasPrefix(line, "systemctl is-system-running") {
		p.orders = append(p.orders, line)
		return system.Result{}, p.err
	}
	result := system.Result{Stdout: []byte(p.state + "\n"), Code: p.code}
	if p.code != 0 {
		return result, &system.CommandError{Argv: c.Argv, Code: p.code, Tail: p.state}
	}
	return result, p.err
}

func TestAHostRebootsOncePerBoot(t *testing.T) {
	h := newHost(t)
	h.write(t, bootFile, "first\n")
	p := &power{state: "running"}
	h.runner = p
	s := h.locked(t)
	order := api.RebootParams{Epoch: h.epoch, BootID: "first"}
	got, err := api.Reboot.Call(t.Context(), s, order)
	require.NoError(t, err)
	assert.Equal(t, api.RebootResult{BootID: "first"}, got)
	require.Len(t, p.orders, 1)
	assert.Contains(t, p.orders[0], "--on-active=2s", "the answer gets out first")
	assert.True(t, strings.HasSuffix(p.orders[0], "systemctl reboot --no-wall"))

	h.write(t, bootFile, "second\n")
	got, err = api.Reboot.Call(t.Context(), s, order)
	require.NoError(t, err)
	assert.Equal(t, api.RebootResult{BootID: "second", State: "running"}, got)
	p.state, p.code = "degraded", 1
	got, err = api.Reboot.Call(t.Context(), s, order)
	require.NoError(t, err)
	assert.Equal(t, "degraded", got.State)
	assert.Len(t, p.orders, 1, "it is done")
}

func TestRebootsThatAreRefused(t *testing.T) {
	h := newHost(t)
	p := &power{}
	h.runner = p
	s := h.locked(t)
	err := api.Reboot.Do(t.Context(), s, api.RebootParams{Epoch: h.epoch, BootID: "first"})
	require.ErrorContains(t, err, "the host must know its own", "without a boot id nobody could tell that it rebooted")
	h.write(t, bootFile, "first\n")
	err = api.Reboot.Do(t.Context(), s, api.RebootParams{Epoch: h.epoch})
	require.ErrorContains(t, err, "needs the id of the boot")
	err = api.Reboot.Do(t.Context(), s, api.RebootParams{Epoch: h.epoch + 1, BootID: "first"})
	require.ErrorContains(t, err, "is not the one that holds the lock")
	err = api.Reboot.Do(t.Context(), h.session(t, sessionOptions{}), api.RebootParams{Epoch: h.epoch, BootID: "first"})
	require.ErrorContains(t, err, "not locked by this session")
	assert.Empty(t, p.orders)
	p.err = errors.New("Failed to start transient timer unit")
	err = api.Reboot.Do(t.Context(), s, api.RebootParams{Epoch: h.epoch, BootID: "first"})
	require.ErrorContains(t, err, "Failed to start transient timer unit")
	h.write(t, bootFile, "second\n")
	p.err, p.state = nil, "no such \x1b[31mword"
	err = api.Reboot.Do(t.Context(), s, api.RebootParams{Epoch: h.epoch, BootID: "first"})
	require.ErrorContains(t, err, "waiting for the end of the boot: systemd says")
}

// A container may have the boot id of its machine.
func TestABootOfAContainerIsItsOwn(t *testing.T) {
	h := newHost(t)
	id := func() string {
		known, err := api.Facts.Call(t.Context(), h.session(t, sessionOptions{}), api.FactsParams{})
		require.NoError(t, err)
		return known.BootID
	}
	h.write(t, bootFile, "of-the-machine\n")
	h.write(t, "/proc/1/stat", "1 (a ) b) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 1234 99 98\n")
	assert.Equal(t, "of-the-machine", id())
	h.write(t, "/run/systemd/container", "lxc\n")
	assert.Equal(t, "of-the-machine+1234", id())
	h.write(t, "/proc/1/stat", "1 (systemd) S 0\n")
	assert.Equal(t, "of-the-machine", id(), "cut short")
}

func TestWhyAHostNeedsABoot(t *testing.T) {
	for name, tc := range map[string]struct {
		running string
		files   map[string]string
		want    []string
	}{
		"nothing":                     {"6.1.0-18-amd64", map[string]string{"/boot/vmlinuz-6.1.0-18-amd64": ""}, nil},
		"a package asks":              {"6.1.0-18-amd64", map[string]string{"/run/reboot-required": "", "/run/reboot-required.pkgs": "a\nb\na\nc\nd\ne\n"}, []string{"updated packages ask for it: a, b, c, 2 more"}},
		"nobody knows which":          {"6.1.0-18-amd64", map[string]string{"/run/reboot-required": ""}, []string{"updated packages ask for it"}},
		"numbers are numbers":         {"6.1.0-9-amd64", map[string]string{"/boot/vmlinuz-6.1.0-10-amd64": "", "/boot/vmlinuz-6.1.0-8-amd64": ""}, []string{"kernel 6.1.0-10-amd64 is installed, and 6.1.0-9-amd64 runs"}},
		"another flavour":             {"6.1.0-9-amd64", map[string]string{"/boot/vmlinuz-6.1.0-10-cloud-amd64": "", "/boot/vmlinuz-6.8.0-40-generic": ""}, nil},
		"older ones only":             {"6.8.0-45-generic", map[string]string{"/boot/vmlinuz-6.8.0-40-generic": "", "/boot/vmlinuz-5.15.0-99-generic": ""}, nil},
		"modules without a kernel":    {"6.1.0-18-amd64", map[string]string{"/lib/modules/6.1.0-21-amd64/kernel/x.ko": ""}, nil},
		"a kernel among its modules":  {"5.14.0-427.13.1.el9_4.x86_64", map[string]string{"/usr/lib/modules/5.14.0-503.11.1.el9_5.x86_64/vmlinuz": ""}, []string{"kernel 5.14.0-503.11.1.el9_5.x86_64 is installed, and 5.14.0-427.13.1.el9_4.x86_64 runs"}},
		"containers have none":        {"6.1.0-18-amd64", map[string]string{"/boot/vmlinuz-6.1.0-21-amd64": "", "/run/systemd/container": "systemd-nspawn"}, nil},
		"what else lies there":        {"6.1.0-18-amd64", map[string]string{"/boot/vmlinuz-": "", "/boot/initrd.img-9.9.9-1-amd64": "", "/boot/vmlinuz": ""}, nil},
		"a kernel that was built":     {"6.1.0-rc3-mine", map[string]string{"/boot/vmlinuz-6.1.0-rc4-mine": ""}, nil},
		"a backport is the same kind": {"6.10.11+bpo-amd64", map[string]string{"/boot/vmlinuz-6.12.9+bpo-amd64": ""}, []string{"kernel 6.12.9+bpo-amd64 is installed, and 6.10.11+bpo-amd64 runs"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.write(t, "/proc/sys/kernel/osrelease", tc.running+"\n")
			for path, content := range tc.files {
				h.write(t, path, content)
			}
			known, err := api.Facts.Call(t.Context(), h.session(t, sessionOptions{}), api.FactsParams{})
			require.NoError(t, err)
			assert.Equal(t, tc.want, known.NeedsBoot)
		})
	}
}

func TestHugePagesThatTheKernelDidNotFind(t *testing.T) {
	h := newHost(t)
	sys, err := system.Real(h.root, system.Options{})
	require.NoError(t, err)
	files := sys.Files
	h.write(t, "/etc/tmpfiles.d/provision-hugepages-2048kB.conf", "w /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages - - - - 512\n")
	h.write(t, "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "300\n")
	wanted, have, err := hugepages.Booted(files, "2048")
	require.NoError(t, err)
	assert.Equal(t, []int{512, 300}, []int{wanted, have})
	h.write(t, "/etc/tmpfiles.d/provision-hugepages-2048kB.conf", "nonsense\n")
	_, _, err = hugepages.Booted(files, "2048")
	require.Error(t, err)
	_, _, err = hugepages.Booted(files, "1048576")
	require.Error(t, err)
}
