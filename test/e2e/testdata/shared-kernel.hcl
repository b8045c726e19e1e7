# What inventories for real hosts need in addition on lab hosts, which share
# this machine's kernel. Ordinary attributes; see inventories/lab.hcl.

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

os {
  manage_modules = false
  manage_sysctls = false
  swap           = "ignore"
}

time {
  manage = false
}
