package measure

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"provision/provision/agent/api"
	"provision/provision/internal/system"
)

// socket is a line of /proc/net/tcp and the like that listens.
type socket struct {
	address netip.Addr
	port    int
	udp     bool
	inode   string // "0": the kernel's own
}

// taken are the sockets that listen where one of the ports is wanted, with the
// processes that hold them. Processes are looked at only when there is something
// to find: a host may have thousands.
func taken(files system.Files, ports []api.Port) []api.Taken {
	var list []api.Taken
	var inodes []string
	holders := map[string]api.Listener{}
	for _, s := range bound(files) {
		i := slices.IndexFunc(ports, func(p api.Port) bool { return p.Number == s.port && p.UDP == s.udp && clash(p, s.address) })
		if i < 0 {
			continue
		}
		list = append(list, api.Taken{Port: ports[i], Address: s.address.String()})
		inodes = append(inodes, s.inode)
		if s.inode != "0" {
			holders[s.inode] = api.Listener{}
		}
	}
	if len(holders) == 0 {
		return list
	}
	owners(files, holders)
	for i, inode := range inodes {
		holder := holders[inode]
		list[i].PID, list[i].Command, list[i].Unit = holder.PID, holder.Command, holder.Unit
		if holder.PID != 0 {
			exe, _ := files.Readlink(fmt.Sprintf("/proc/%d/exe", holder.PID))
			list[i].Agent = path.Dir(exe) == system.AgentDir
		}
	}
	return lasting(files, list, inodes)
}

// lasting drops sockets that nobody holds and that are gone when looked at
// again: another operator's agent tried whether its port can be reached, and
// closed it between our looks.
func lasting(files system.Files, list []api.Taken, inodes []string) []api.Taken {
	held := func(i int) bool { return inodes[i] == "0" || list[i].PID != 0 }
	var still []socket
	var kept []api.Taken
	for i := range list {
		if !held(i) && still == nil {
			still = bound(files)
		}
		if held(i) || slices.ContainsFunc(still, func(s socket) bool { return s.inode == inodes[i] }) {
			kept = append(kept, list[i])
		}
	}
	return kept
}

// clash reports whether a listener there is in the way of the port.
func clash(p api.Port, address netip.Addr) bool {
	return !p.Loopback || address.IsUnspecified() || address.IsLoopback()
}

// bound are the sockets that wait for others.
func bound(files system.Files) []socket {
	var list []socket
	for _, name := range []string{"tcp", "tcp6", "udp", "udp6"} {
		content, err := files.ReadFile("/proc/net/" + name)
		if err != nil {
			content, err = files.ReadFile("/proc/self/net/" + name)
		}
		if err == nil {
			list = append(list, sockets(string(content), strings.HasPrefix(name, "udp"))...)
		}
	}
	return list
}

// sockets reads the lines that listen: state 0A for TCP, 07 (unconnected) for
// UDP. Fields are: number, local, remote, state, queues, timer, retransmits,
// uid, timeout, inode.
func sockets(content string, udp bool) []socket {
	wanted := "0A"
	if udp {
		wanted = "07"
	}
	var list []socket
	for line := range strings.Lines(content) {
		fields := strings.Fields(line)
		if len(fields) < 10 || fields[3] != wanted {
			continue
		}
		local, err := procAddress(fields[1])
		_, err2 := strconv.ParseUint(fields[9], 10, 64)
		if err == nil && err2 == nil {
			list = append(list, socket{address: local.Addr(), port: int(local.Port()), udp: udp, inode: fields[9]})
		}
	}
	return list
}

// procAddress reads "0100007F:1F90": 32-bit words in the host's order, which is
// little endian on all that we run on.
func procAddress(text string) (netip.AddrPort, error) {
	words, number, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(words)
	if err != nil || len(raw) != 4 && len(raw) != 16 {
		return netip.AddrPort{}, fmt.Errorf("%q is no address", words)
	}
	for i := 0; i < len(raw); i += 4 {
		binary.BigEndian.PutUint32(raw[i:], binary.LittleEndian.Uint32(raw[i:]))
	}
	port, err := strconv.ParseUint(number, 16, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q is no port", number)
	}
	address, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(address.Unmap(), uint16(port)), nil
}
