# A container host that is master, and a virtual machine that is its node: the
# master shares this machine's kernel, the node has a stock one with cgroup
# version 2, its own modules, sysctls, swap and clock.

cluster "vm" {
  version = "1.37.1"
}

ssh {
  user            = "ops"
  connect_timeout = "2m" # without help of the processor, a machine is slow
}

network {
  proxy_conntrack_min          = 0
  proxy_conntrack_max_per_core = 0
}

kubernetes {
  cgroup_driver          = "cgroupfs"
  restrict_oom_score_adj = true
  kubelet = {
    failCgroupV1 = false
    featureGates = { KubeletInUserNamespace = true }
  }
}

# Sysctls of the master would be this machine's: they are only checked, and the
# test sets those of the node. Modules and swap are managed.
os {
  manage_sysctls = false
}

time {
  manage = false
}

host "master" {
  address = "192.0.2.11"
  roles   = ["etcd", "master"]
}

host "worker" {
  address = "192.0.2.21"
  roles   = ["node"]
}
