# Five test hosts on one Linux machine, made by `provision lab up inventories/lab.hcl`:
# three that hold etcd and the control plane, two that run pods.
#
# Everything here is an ordinary attribute; real hosts need none of the
# settings marked "shared kernel".

cluster "lab" {
  version     = "1.37.1"
  environment = "test"
}

ssh {
  user = "root"
}

network {
  pods     = "10.32.0.0/12" # a /24 of it for each host
  services = "10.96.0.0/16"

  # Shared kernel: the limits of connection tracking are the machine's, so
  # kube-proxy leaves them alone.
  proxy_conntrack_min          = 0
  proxy_conntrack_max_per_core = 0

  plugin "flannel" {
    backend = "vxlan"
  }
}

kubernetes {
  # Shared kernel: the hosts are containers, perhaps on cgroup v1 and without
  # CAP_SYS_RESOURCE.
  cgroup_driver          = "cgroupfs"
  restrict_oom_score_adj = true
  kubelet = {
    failCgroupV1 = false
    featureGates = { KubeletInUserNamespace = true }
  }
}

# Shared kernel: modules, swap and the clock belong to the machine. They are
# checked where that is possible, and left alone.
os {
  manage_modules = false
  manage_sysctls = false
  swap           = "ignore"
}

time {
  manage = false
}

host "m[1-3]" {
  address = "10.88.0.[11-13]"
  roles   = ["etcd", "master"]
}

host "n[1-2]" {
  address = "10.88.0.[21-22]"
  roles   = ["node"]
}
