package etcdbackup

import (
	"fmt"
	"strings"
	"time"

	"provision/provision/component"
)

// The units on a host.
const (
	Timer          = "provision-etcd-backup.timer"
	Service        = "provision-etcd-backup.service"
	Socket         = "provision-etcd-receive.socket"
	ReceiveService = "provision-etcd-receive.service"
	EscrowPath     = "provision-etcd-escrow.path"
	EscrowService  = "provision-etcd-escrow.service"
)

// retry is how soon after a run the next one looks whether a target is still
// without the slot's backup, or its taker vanished.
const retry = 5 * time.Minute

// gentle keeps a proof from what the host is for. Fewer than one core, the last
// turn at the disk, and the first to go when memory is short.
const gentle = `Nice=19
IOSchedulingClass=idle
CPUWeight=10
IOWeight=10
CPUQuota=100%
MemoryMax=50%
OOMScoreAdjust=800
UMask=0077
NoNewPrivileges=yes
`

const service = `[Unit]
Description=Backup of etcd
Documentation=man:systemd.timer(5)
After=network-online.target etcd.service

[Service]
Type=oneshot
ExecStart=` + component.BinDir + "/" + Program + ` backup
TimeoutStartSec=4h
` + gentle

const escrowService = `[Unit]
Description=Keys of the cluster, encrypted, beside the backups of etcd
After=network-online.target

[Service]
Type=oneshot
ExecStart=` + component.BinDir + "/" + Program + ` escrow
TimeoutStartSec=1h
` + gentle

// The folder changes when an item is replaced: each is written aside and moved
// into place.
const escrowPath = `[Unit]
Description=Changes of the keys of the cluster

[Path]
PathChanged=/var/lib/provision/identity
Unit=` + EscrowService + `

[Install]
WantedBy=multi-user.target
`

const receiveService = `[Unit]
Description=Backups of etcd that other hosts store here
Requires=` + Socket + `

[Service]
ExecStart=` + component.BinDir + "/" + Program + ` receive
` + gentle

func socketUnit(address string) string {
	return fmt.Sprintf(`[Unit]
Description=Where other hosts store backups of etcd

[Socket]
ListenStream=%s
FreeBind=yes

[Install]
WantedBy=sockets.target
`, address)
}

func timerUnit(s Settings) string {
	return fmt.Sprintf(`[Unit]
Description=Backups of etcd

[Timer]
OnCalendar=%s UTC
OnUnitInactiveSec=%d
RandomizedDelaySec=%d
AccuracySec=1
Persistent=true

[Install]
WantedBy=timers.target
`, strings.TrimSuffix(s.Schedule, " UTC"), int(retry.Seconds()), int(s.Spread.Seconds()))
}
