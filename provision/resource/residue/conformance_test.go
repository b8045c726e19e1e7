package residue_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/system"
	"provision/provision/internal/system/systemfake"
	"provision/provision/resource/residue"
	"provision/provision/resource/resourcetest"
)

func spec() residue.Spec {
	return residue.Spec{
		Groups: []string{"kubepods"}, Commands: []string{"containerd-shim"}, Mounts: []string{"/var/lib/kubelet/", "/run/netns/cni-"},
		Links: []string{"cni0", "flannel.1"}, Tables: []string{"ip kube-proxy"}, Paths: []string{"/var/lib/kubelet", "/var/lib/cni"},
	}
}

func TestConformance(t *testing.T) {
	resourcetest.Run(t,
		resourcetest.Case{Title: "new", Kind: residue.Of(), Name: "pods", Spec: spec(), Setup: processes, Drifts: map[string]func(*systemfake.Host) error{
			"note deleted": func(host *systemfake.Host) error { return host.Files.RemoveAll("/var/lib/provision/residue") },
		}},
		resourcetest.Case{Title: "in use before", Kind: residue.Of(), Name: "pods", Spec: spec(), Setup: func(host *systemfake.Host) error {
			if err := processes(host); err != nil {
				return err
			}
			return host.Put("/var/lib/cni/theirs", "kept", 0o600)
		}},
	)
}

// processes are some that have nothing to do with us.
func processes(host *systemfake.Host) error {
	for path, content := range map[string]string{
		"/proc/1/comm": "systemd\n", "/proc/7/comm": "sshd\n", "/proc/7/cgroup": "0::/system.slice/ssh.service\n",
		systemfake.MountInfo: "21 1 8:1 / / rw - ext4 /dev/sda rw\n", systemfake.Tables: "table inet firewall\n",
		systemfake.SysNet + "/eth0/address": "x\n", "/var/lib/other": "theirs",
	} {
		if err := host.Put(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// What programs leave behind goes; what is not theirs stays.
func TestRestoreRemovesTraces(t *testing.T) {
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	require.NoError(t, processes(host))
	kind, raw := residue.Of(), residue.New("n1", "pods", spec()).Spec
	before, err := kind.Observe(t.Context(), host.System, "pods", raw)
	require.NoError(t, err)
	require.NoError(t, kind.Apply(t.Context(), host.System, "pods", raw))

	for path, content := range map[string]string{
		"/proc/8/comm": "pause\n", "/proc/8/cgroup": "4:memory:/kubepods/burstable/pod1/c\n0::/\n",
		"/proc/9/comm": "containerd-shim\n", "/proc/10/comm": "app\n", "/proc/10/cgroup": "0::/kubepods.slice/kubepods-pod1.slice/x.scope\n",
		systemfake.MountInfo: "21 1 8:1 / / rw - ext4 /dev/sda rw\n22 21 0:5 / /var/lib/kubelet rw - ext4 /dev/sdb rw\n" +
			"23 22 0:6 / /var/lib/kubelet/pods/a\\040b/volumes rw - tmpfs tmpfs rw\n24 21 0:4 net:[1] /run/netns/cni-1 rw - nsfs nsfs rw\n",
		systemfake.Tables:                      "table inet firewall\ntable ip kube-proxy\n",
		systemfake.SysNet + "/cni0/brif/veth1": "", systemfake.SysNet + "/veth1/address": "z\n", systemfake.SysNet + "/veth2/address": "theirs\n",
		systemfake.SysNet + "/cni0/address": "y\n", "/var/lib/kubelet/pods/x": "data", "/var/lib/cni/networks/1": "data",
	} {
		require.NoError(t, host.Put(path, content, 0o644))
	}
	require.NoError(t, kind.Restore(t.Context(), host.System, "pods", before))

	for _, gone := range []string{"/proc/8", "/proc/9", "/proc/10", systemfake.SysNet + "/cni0", systemfake.SysNet + "/veth1", "/var/lib/kubelet", "/var/lib/cni"} {
		assert.NoDirExists(t, host.Root+gone)
	}
	for _, kept := range []string{"/proc/7", systemfake.SysNet + "/eth0", systemfake.SysNet + "/veth2"} {
		assert.DirExists(t, host.Root+kept)
	}
	tables, err := host.Files.ReadFile(systemfake.Tables)
	require.NoError(t, err)
	assert.Equal(t, "table inet firewall\n", string(tables))
	mounts, err := host.Files.ReadFile(systemfake.MountInfo)
	require.NoError(t, err)
	assert.Contains(t, string(mounts), " /var/lib/kubelet ", "a disk that is mounted there stays")
	assert.NotContains(t, string(mounts), "cni-1")
}

// The kernel lists mounts by where links lead. What is behind the operator's link
// goes, and the link stays.
func TestRestoreGoesBehindLinks(t *testing.T) {
	for name, target := range map[string]string{"absolute": "/srv/k/kubelet", "relative": "../../srv/k/kubelet"} {
		t.Run(name, func(t *testing.T) {
			host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
			require.NoError(t, err)
			require.NoError(t, processes(host))
			require.NoError(t, os.MkdirAll(host.Root+"/srv/k/kubelet", 0o755))
			require.NoError(t, os.Symlink(target, host.Root+"/var/lib/kubelet"))
			kind, raw := residue.Of(), residue.New("n1", "pods", spec()).Spec
			before, err := kind.Observe(t.Context(), host.System, "pods", raw)
			require.NoError(t, err)
			require.NoError(t, kind.Apply(t.Context(), host.System, "pods", raw))
			require.NoError(t, host.Put("/srv/k/kubelet/pods/x/token", "secret", 0o600))
			require.NoError(t, host.Put(systemfake.MountInfo, "21 1 8:1 / / rw - ext4 /dev/sda rw\n"+
				"23 21 0:6 / /srv/k/kubelet/pods/x/volumes rw - tmpfs tmpfs rw\n24 21 0:7 / /srv/k/other rw - tmpfs tmpfs rw\n", 0o644))
			require.NoError(t, kind.Restore(t.Context(), host.System, "pods", before))
			mounts, err := host.Files.ReadFile(systemfake.MountInfo)
			require.NoError(t, err)
			assert.NotContains(t, string(mounts), "/srv/k/kubelet/")
			assert.Contains(t, string(mounts), "/srv/k/other")
			assert.NoDirExists(t, host.Root+"/srv/k/kubelet/pods")
			link, err := os.Readlink(host.Root + "/var/lib/kubelet")
			require.NoError(t, err)
			assert.Equal(t, target, link)
		})
	}
}

// containerd takes its folder for itself: one that stood there before was
// everybody's to read, and is so again.
func TestRestorePutsFoldersBack(t *testing.T) {
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	require.NoError(t, processes(host))
	stood := map[string]uint32{"/var/lib/kubelet": 0o755, "/var/lib/cni": 0o711}
	for path, mode := range stood {
		require.NoError(t, host.Files.Mkdir(path, system.Attr{Mode: mode}))
	}
	require.NoError(t, host.Put("/var/lib/cni/theirs", "kept", 0o600))
	kind, raw := residue.Of(), residue.New("n1", "pods", spec()).Spec
	before, err := kind.Observe(t.Context(), host.System, "pods", raw)
	require.NoError(t, err)
	require.NoError(t, kind.Apply(t.Context(), host.System, "pods", raw))
	for path := range stood {
		require.NoError(t, host.Put(path+"/ours", "data", 0o600))
		require.NoError(t, host.Files.SetAttr(path, system.Attr{Mode: 0o700}))
	}
	require.NoError(t, kind.Restore(t.Context(), host.System, "pods", before))
	for path, mode := range stood {
		info, err := host.Files.Lstat(path)
		require.NoError(t, err, "it was there before")
		assert.Equal(t, mode, info.Attr.Mode, "%s", path)
	}
	assert.NoFileExists(t, host.Root+"/var/lib/kubelet/ours")
	assert.FileExists(t, host.Root+"/var/lib/cni/theirs")
}

// Routes in the kernel outlive the program that set them. Only marks that are
// nobody else's are taken.
func TestMarkedRoutesAreFlushed(t *testing.T) {
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	host.Commands.Handle("ip", func([]string) (string, error) { return "", nil })
	kind, raw := residue.Of(), residue.New("n1", "set", residue.Spec{Routes: []int{119}}).Spec
	before, err := kind.Observe(t.Context(), host.System, "set", raw)
	require.NoError(t, err)
	require.NoError(t, kind.Apply(t.Context(), host.System, "set", raw))
	require.NoError(t, kind.Restore(t.Context(), host.System, "set", before))
	assert.Equal(t, [][]string{{"ip", "-4", "route", "flush", "proto", "119"}}, host.Commands.Ran(), "a host without IPv6")
	for _, mark := range []int{0, 2, 4, 16, 256} {
		assert.Error(t, kind.Check("set", residue.New("n1", "set", residue.Spec{Routes: []int{mark}}).Spec), mark)
	}
}

// What was set in a path that goes holds until its reader reads again.
func TestReadersOfWhatGoesReadAgain(t *testing.T) {
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	require.NoError(t, host.Systemd.Set("reader.service", systemfake.Unit{Active: "active"}))
	host.Commands.Handle("systemctl", func([]string) (string, error) {
		assert.NoFileExists(t, host.Root+"/etc/reader.d/set.conf", "it reads when the path is gone")
		return "", nil
	})
	kind, raw := residue.Of(), residue.New("n1", "set", residue.Spec{
		Paths: []string{"/etc/reader.d/set.conf"}, Rereads: []string{"reader.service", "stopped.service"},
	}).Spec
	before, err := kind.Observe(t.Context(), host.System, "set", raw)
	require.NoError(t, err)
	require.NoError(t, kind.Apply(t.Context(), host.System, "set", raw))
	require.NoError(t, host.Put("/etc/reader.d/set.conf", "x", 0o644))
	require.NoError(t, kind.Restore(t.Context(), host.System, "set", before))
	assert.Equal(t, [][]string{{"systemctl", "kill", "--signal=HUP", "reader.service"}}, host.Commands.Ran())
}

func TestSpecsThatWouldDestroyTooMuchAreRefused(t *testing.T) {
	for name, bad := range map[string]residue.Spec{
		"root":        {Paths: []string{"/"}},
		"top folder":  {Paths: []string{"/var/"}},
		"relative":    {Paths: []string{"var/lib"}},
		"dots":        {Mounts: []string{"/var/lib/../.."}},
		"empty group": {Groups: []string{""}},
		"table":       {Tables: []string{"kube-proxy"}},
		"link":        {Links: []string{"a b"}},
		"service":     {Rereads: []string{"--all"}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Error(t, residue.Of().Check("pods", residue.New("n1", "pods", bad).Spec))
		})
	}
	assert.Error(t, residue.Of().Check("../x", residue.New("n1", "pods", spec()).Spec))
	assert.NoError(t, residue.Of().Check("pods", residue.New("n1", "pods", spec()).Spec))
}
