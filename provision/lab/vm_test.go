package lab

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadinessComesByteByByte(t *testing.T) {
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	require.NoError(t, err)
	defer ln.Close()
	go func() {
		c, err := net.Dial("unix", ln.Addr().String())
		if err != nil {
			return
		}
		defer c.Close()
		for _, b := range []byte("noise\r\nREADY=1\r\n") {
			_, _ = c.Write([]byte{b})
		}
	}()
	assert.NoError(t, readReady(&accepted{ln: ln}))
}

func TestQEMUsCommandLine(t *testing.T) {
	vm := &vmState{Kernel: "/k", Initrd: "/i", Accel: "tcg", Machine: Machine{CPUs: 3, Memory: 999}}
	argv := strings.Join(qemuArgv(hostState{Name: "n1", MachineID: "0a1b2c3d"}, vm, "/a,b/disk", "/c"), " ")
	for _, want := range []string{"-accel tcg,thread=multi -cpu max", "-smp 3 -m 999", "mac=52:54:00:0a:1b:2c", "file=/a,,b/disk", "-kernel /k -initrd /i"} {
		assert.Contains(t, argv, want)
	}
	vm.Accel = "kvm"
	assert.Contains(t, strings.Join(qemuArgv(hostState{MachineID: "0a1b2c"}, vm, "", ""), " "), "-accel kvm -cpu host")
}

func TestAMachinesSeed(t *testing.T) {
	s := seed{Host: hostState{Name: "n1", Kind: VM}, CgroupV1: []hierarchy{{Mount: "/sys/fs/cgroup/cpu"}}}
	assert.Contains(t, s.unit(), "dev eth0")
	assert.NotContains(t, s.unit(), "cgroup/cpu", "its cgroups are its own")
	var paths []string
	for _, f := range s.files() {
		paths = append(paths, f.Path)
	}
	assert.Contains(t, paths, "/etc/provision-lab", "the marker")
	assert.Contains(t, paths, "/etc/systemd/system/lab-ready.service")
}

func TestInsmods(t *testing.T) {
	text := "insmod /lib/modules/6/virtio.ko \nbuiltin ext4\ninsmod /lib/modules/6/virtio_blk.ko a=b\n"
	assert.Equal(t, []string{"/lib/modules/6/virtio.ko", "/lib/modules/6/virtio_blk.ko"}, insmods(text))
}

func TestCpioIsAligned(t *testing.T) {
	a := cpio([]cpioFile{{"init", 0o100755, []byte("hello")}, {"dev/console", 0o20600, nil}})
	assert.Zero(t, len(a)%4)
	assert.True(t, strings.HasPrefix(string(a), "070701"))
	header := fmt.Sprintf("%08x%08x%08x", 5, 1, len("dev/console")+1)
	assert.Contains(t, string(a), header, "the console's device numbers")
	assert.Contains(t, string(a), "TRAILER!!!\x00")
	at := strings.Index(string(a), "hello")
	assert.Zero(t, at%4, "data begins on a word")
}

func TestWordsReachAMachineAsTheyAre(t *testing.T) {
	l := &Lab{dir: t.TempDir(), state: &state{ID: "x"}}
	_, err := l.commandByLogin(t.Context(), hostState{Name: "n1"}, []string{"true"})
	assert.ErrorContains(t, err, "the host is off")
	assert.Equal(t, []string{`'it'\''s'`, `'a b'`, `''`}, quoted([]string{"it's", "a b", ""}))
}
