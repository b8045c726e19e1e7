package measure

import (
	"encoding/hex"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"provision/provision/agent/api"
	"provision/provision/agent/hostfacts"
	"provision/provision/internal/system"
)

// Listeners are the TCP sockets that take connections, with the processes that
// have them, by port.
func Listeners(files system.Files) []api.Listener {
	byInode := map[string]api.Listener{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		for line := range strings.Lines(hostfacts.Text(files, table)) {
			if inode, socket, ok := listening(line); ok {
				byInode[inode] = socket
			}
		}
	}
	owners(files, byInode)
	// Sorted as text: sorting one more type makes the agent 15 KB larger.
	byText := map[string]api.Listener{}
	for inode, socket := range byInode {
		byText[fmt.Sprintf("%05d %s %s", socket.Port, socket.Address, inode)] = socket
	}
	out := make([]api.Listener, 0, len(byText))
	for _, key := range slices.Sorted(maps.Keys(byText)) {
		out = append(out, byText[key])
	}
	return out
}

// listening reads a line of /proc/net/tcp or tcp6 and tells whether its socket
// is in state LISTEN.
func listening(line string) (inode string, socket api.Listener, ok bool) {
	words := strings.Fields(line)
	if len(words) < 10 || words[3] != "0A" {
		return "", socket, false
	}
	host, port, _ := strings.Cut(words[1], ":")
	number, err := strconv.ParseUint(port, 16, 16)
	raw, bad := hex.DecodeString(host)
	if err != nil || bad != nil || len(raw)%4 != 0 {
		return "", socket, false
	}
	for i := 0; i < len(raw); i += 4 { // words are in the byte order of the machine
		slices.Reverse(raw[i : i+4])
	}
	address, ok := netip.AddrFromSlice(raw)
	return words[9], api.Listener{Port: int(number), Address: address.String()}, ok
}

// owners finds the processes that hold the sockets.
func owners(files system.Files, byInode map[string]api.Listener) {
	processes, err := files.ReadDir("/proc")
	if err != nil {
		return
	}
	for _, process := range processes {
		pid, err := strconv.Atoi(process.Name())
		if err != nil {
			continue
		}
		dir := "/proc/" + process.Name()
		descriptors, err := os.ReadDir(files.Path(dir + "/fd"))
		if err != nil {
			continue // it ended
		}
		for _, descriptor := range descriptors {
			target, err := files.Readlink(dir + "/fd/" + descriptor.Name())
			inode := strings.TrimSuffix(strings.TrimPrefix(target, "socket:["), "]")
			socket, known := byInode[inode]
			if err != nil || !known || socket.PID != 0 && socket.PID < pid {
				continue
			}
			socket.PID, socket.Command = pid, hostfacts.Text(files, dir+"/comm")
			socket.Unit = unitOf(hostfacts.Text(files, dir+"/cgroup"))
			byInode[inode] = socket
		}
	}
}

// unitOf is the unit that a process belongs to, by its control groups.
func unitOf(groups string) string {
	for line := range strings.Lines(groups) {
		_, group, _ := strings.Cut(strings.TrimSpace(line), "::")
		if group == "" {
			_, group, _ = strings.Cut(strings.TrimSpace(line), ":name=systemd:")
		}
		for part := group; part != "" && part != "/" && part != "."; part = path.Dir(part) {
			if name := path.Base(part); strings.HasSuffix(name, ".service") || strings.HasSuffix(name, ".socket") || strings.HasSuffix(name, ".scope") {
				return name
			}
		}
	}
	return ""
}
