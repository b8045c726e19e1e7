package measure

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/provision/agent/api"
	"provision/provision/agent/hostfacts"
	"provision/test/corrupt"
)

// What the kernel, the OS and tools print, damaged: nothing panics, and what is
// taken of it is of its form.
func TestDamagedTextsOfTheHost(t *testing.T) {
	samples := [][]byte{
		[]byte("NAME=\"Debian\"\nID=debian\nVERSION_ID='12'\n# c\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n"),
		[]byte("MemTotal:  8388608 kB\nCapBnd:\t000001ffffffffff\n"),
		[]byte("#subsys_name hierarchy num_cgroups enabled\ncpu 3 1 1\nmemory 0 1 0\n"),
		[]byte("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1\n"),
		[]byte("0::/system.slice/kubelet.service\n1:name=systemd:/system.slice/x.service\n"),
		[]byte("table inet filter {\n chain input {\n  type filter hook input priority 0; policy drop;\n  tcp dport { 22, 6443 } drop\n }\n}\n"),
		[]byte(":INPUT DROP [0:0]\n-A INPUT -p tcp -m tcp --dport 10250:10260 -j REJECT\n"),
		[]byte("Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n"),
	}
	ports := []api.Port{{Number: 6443}, {Number: 10250}}
	corrupt.Feed(t, 1, func(in []byte) bool {
		text := string(in)
		for key := range hostfacts.Assignments(text) {
			assert.NotContains(t, key, "=")
		}
		assert.NotContains(t, hostfacts.Field(text, "MemTotal"), " ")
		_ = enabledControllers(text)
		for _, s := range sockets(text, false) {
			assert.True(t, s.address.IsValid() && s.port >= 0 && s.port < 65536)
		}
		for line := range strings.Lines(text) {
			if _, l, ok := listening(line); ok {
				assert.True(t, l.Port >= 0 && l.Port < 65536)
			}
		}
		_ = unitOf(text)
		nftRules(text, ports)
		iptablesRules(text, ports)
		return true
	}, samples...)
}
