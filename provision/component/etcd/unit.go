package etcd

import (
	"fmt"
	"strconv"
	"time"

	"provision/provision/component"
	"provision/provision/component/judge"
	"provision/provision/diag"
	"provision/provision/inventory"
)

const defaultQuota = 8 << 30

func unitFile(inv *inventory.Inventory, host inventory.Host) string {
	return fmt.Sprintf(unitText, flags(inv, host).ExecStart(component.BinDir+"/etcd"), dataDir(inv))
}

// Root without capabilities reads its own keys and nothing of anybody else's;
// the rest of the file system is read-only to it.
const unitText = `[Unit]
Description=etcd
Documentation=https://etcd.io/docs
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=notify
EnvironmentFile=/etc/etcd/bootstrap.env
ExecStart=%s
Restart=always
RestartSec=1
# A member is ready when the cluster has a leader, which may need the others.
TimeoutStartSec=300
LimitNOFILE=65536
OOMScoreAdjust=-500
Nice=-5
IOSchedulingClass=best-effort
IOSchedulingPriority=0
CapabilityBoundingSet=
NoNewPrivileges=yes
ProtectSystem=full
ProtectHome=yes
PrivateTmp=yes
ReadWritePaths=%s

[Install]
WantedBy=multi-user.target
`

func flags(inv *inventory.Inventory, host inventory.Host) component.Flags {
	address := host.Address.String()
	quota := inv.Etcd.QuotaBytes
	if quota <= 0 {
		quota = defaultQuota
	}
	return component.Flags{
		"name":                        host.Name,
		"data-dir":                    dataDir(inv),
		"listen-client-urls":          url(address, component.EtcdClientPort) + "," + url("127.0.0.1", component.EtcdClientPort),
		"advertise-client-urls":       url(address, component.EtcdClientPort),
		"listen-peer-urls":            url(address, component.EtcdPeerPort),
		"initial-advertise-peer-urls": url(address, component.EtcdPeerPort),
		"listen-metrics-urls":         "http://" + component.Loopback(metricsPort),
		"cert-file":                   PKIDir + "/server.crt",
		"key-file":                    PKIDir + "/server.key",
		"client-cert-auth":            "true",
		"trusted-ca-file":             PKIDir + "/ca.crt",
		"peer-cert-file":              PKIDir + "/peer.crt",
		"peer-key-file":               PKIDir + "/peer.key",
		"peer-client-cert-auth":       "true",
		"peer-trusted-ca-file":        PKIDir + "/ca.crt",
		"tls-min-version":             "TLS1.2",
		"strict-reconfig-check":       "true",
		"snapshot-count":              "10000",
		// The API server compacts every five minutes; this is for the rest.
		"auto-compaction-mode":      "periodic",
		"auto-compaction-retention": "8h",
		"quota-backend-bytes":       strconv.FormatInt(quota, 10),
		"heartbeat-interval":        milliseconds(inv.Etcd.HeartbeatInterval, 100*time.Millisecond),
		"election-timeout":          milliseconds(inv.Etcd.ElectionTimeout, time.Second),
		"log-level":                 "info",
		// Members compare their data at start, and at each compaction: the cheap way
		// to find one that differs.
		"feature-gates": "CompactHashCheck=true,InitialCorruptCheck=true",
	}.Merge(inv.Etcd.Args)
}

// Judge implements inventory.Judge.
func (etcd) Judge(inv *inventory.Inventory) diag.List {
	return judge.Flags(inv, "etcd.args", "etcd", inv.Etcd.Args)
}
