package containerd

import (
	"fmt"

	"provision/provision/component"
	"provision/provision/inventory"
)

// config is containerd's configuration, format 3. Only what differs from its
// defaults is in it.
func config(settings inventory.Kubernetes, pause string) string {
	return fmt.Sprintf(`version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
oom_score = %d

[grpc]
  address = "/run/containerd/containerd.sock"

[plugins."io.containerd.cri.v1.images"]
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = %q
  [plugins."io.containerd.cri.v1.images".registry]
    config_path = %q

[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = %t
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = [%q]
    conf_dir = %q
  [plugins."io.containerd.cri.v1.runtime".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
        BinaryName = %q
        SystemdCgroup = %t
`, oomScore(settings), pause, certsDir, settings.RestrictOOMScoreAdj,
		component.CNIBinDir, component.CNIDir, component.BinDir+"/runc", settings.CgroupDriver != "cgroupfs")
}

// oomScore lets the kernel spare containerd, where it may be set at all.
func oomScore(settings inventory.Kubernetes) int {
	if settings.RestrictOOMScoreAdj {
		return 0
	}
	return -999
}

const unitFile = `[Unit]
Description=containerd container runtime
Documentation=https://containerd.io
After=network.target local-fs.target dbus.service
StartLimitIntervalSec=0

[Service]
ExecStart=/usr/local/bin/containerd --config /etc/containerd/config.toml
Type=notify
Delegate=yes
# Pods outlive a restart of the daemon.
KillMode=process
Restart=always
RestartSec=1
LimitNPROC=infinity
LimitCORE=infinity
LimitNOFILE=1048576
TasksMax=infinity
TimeoutStartSec=60

[Install]
WantedBy=multi-user.target
`
