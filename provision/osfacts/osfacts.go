package osfacts

import (
	"fmt"
	"strings"

	"provision/provision/facts"
)

// System is what provision must know of an operating system.
type System struct {
	ID, Version, Codename string
	Name                  string // for people
	// Tested says that the end-to-end journeys ran on it.
	Tested bool
	// Bundled says that .deb closures of its packages are kept in the lock file.
	Bundled bool
	// ChronyConfig and ChronyUnit are chrony's files and service.
	ChronyConfig, ChronyUnit string
	// OtherTime are time services that would fight with chrony.
	OtherTime []string
	// Resolver is the resolv.conf that names real servers, used when the host
	// did not say which.
	Resolver string
	// Firewall is what usually filters packets there, "" for none.
	Firewall string
}

// Table lists the supported systems.
func Table() []System {
	family := System{
		ChronyConfig: "/etc/chrony/chrony.conf", ChronyUnit: "chrony.service",
		OtherTime: []string{"systemd-timesyncd.service"},
		Resolver:  "/etc/resolv.conf",
	}
	entry := func(id, version, codename, name string) System {
		s := family
		s.ID, s.Version, s.Codename, s.Name = id, version, codename, name
		return s
	}
	ubuntu := func(version, codename, name string) System {
		s := entry("ubuntu", version, codename, name)
		// systemd-resolved's stub is on loopback, which a pod cannot reach.
		s.Resolver = "/run/systemd/resolve/resolv.conf"
		s.Firewall = "ufw"
		return s
	}
	bookworm := entry("debian", "12", "bookworm", "Debian 12")
	bookworm.Tested, bookworm.Bundled = true, true
	return []System{
		bookworm,
		entry("debian", "13", "trixie", "Debian 13"),
		ubuntu("22.04", "jammy", "Ubuntu 22.04"),
		ubuntu("24.04", "noble", "Ubuntu 24.04"),
	}
}

// Lookup finds a system in the table.
func Lookup(os facts.OS) (System, bool) {
	for _, s := range Table() {
		if s.ID == os.ID && s.Version == os.Version {
			return s, true
		}
	}
	return System{}, false
}

// For is Lookup with a guess for systems that are not in the table, which only
// get this far when the operator allowed them: what Debian calls things.
func For(os facts.OS) System {
	if s, ok := Lookup(os); ok {
		return s
	}
	guess := Table()[0]
	guess.ID, guess.Version, guess.Codename, guess.Name = os.ID, os.Version, os.Codename, os.Name
	guess.Tested, guess.Bundled = false, false
	return guess
}

// Check refuses a host whose system is not in the table, unless allowed.
func Check(host string, os facts.OS, allowUntested bool) error {
	if _, ok := Lookup(os); ok || allowUntested {
		return nil
	}
	name := os.Name
	if name == "" {
		name = strings.TrimSpace(os.ID + " " + os.Version)
	}
	if name == "" {
		name = "an unknown system"
	}
	var known []string
	for _, s := range Table() {
		known = append(known, s.Name)
	}
	return fmt.Errorf("cannot use host %s: it runs %s, supported are %s; give --allow-untested-os to try anyway",
		host, name, strings.Join(known, ", "))
}
