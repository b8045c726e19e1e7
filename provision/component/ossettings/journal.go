package ossettings

import (
	"cmp"
	"fmt"

	"provision/provision/component"
	"provision/provision/inventory"
	"provision/provision/resource/unit"
)

const (
	journald = "systemd-journald.service"
	// journalStorage makes the folder of the log with the owner and access that
	// the distribution gives it, and moves there what is in memory.
	journalStorage = "provision-journal.service"
	journalConfig  = "/etc/systemd/journald.conf.d/90-provision.conf"
)

// addJournal bounds the log and, unless it is to be in memory only, keeps it
// over reboots. Units keep their connections when journald restarts.
func addJournal(s *component.Set) {
	wanted := s.Cluster.Inventory.OS.Journal
	units := []string{journald}
	if !wanted.Volatile {
		units = append(units, journalStorage)
	}
	s.Dir("/etc/systemd/journald.conf.d", 0o755)
	config := s.File(journalConfig, journalText(wanted), 0o644, units...)
	running := s.Add(unit.Running(s.Host.Name, journald).After(config))
	if wanted.Volatile {
		return
	}
	s.Service(journalStorage, storageText, running)
}

func journalText(wanted inventory.Journal) string {
	storage, prefix := "persistent", "System"
	if wanted.Volatile {
		storage, prefix = "volatile", "Runtime"
	}
	return fmt.Sprintf("[Journal]\nStorage=%s\n%sMaxUse=%s\n%sKeepFree=%s\n",
		storage, prefix, cmp.Or(wanted.MaxUse, "1G"), prefix, cmp.Or(wanted.KeepFree, "1G"))
}

const storageText = `[Unit]
Description=Storage of the system's log
After=systemd-journald.service
RequiresMountsFor=/var/log/journal

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=mkdir -p /var/log/journal
ExecStart=systemd-tmpfiles --create --prefix=/var/log/journal
ExecStart=journalctl --flush

[Install]
WantedBy=multi-user.target
`
