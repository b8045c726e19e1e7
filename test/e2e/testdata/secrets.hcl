# The host of inventories/single.hcl as a real one, reached with passwords, and
# with a secret of each kind that an inventory takes.

variable "pin" { type = string }
variable "from_age" { type = string }

cluster "single" {
  version = "1.37.1"
}

ssh {
  user              = "ops"
  use_agent         = false
  use_config        = false
  password_env      = "E2E_SSH_PASSWORD"
  sudo_password_env = "E2E_SUDO_PASSWORD"
}

host "k1" {
  address  = "192.0.2.11"
  roles    = ["etcd", "master", "node"]
  host_key = var.pin
}

kubernetes {
  cgroup_driver          = "cgroupfs"
  restrict_oom_score_adj = true
  kubelet = {
    failCgroupV1 = false
    featureGates = { KubeletInUserNamespace = true }
  }
  registry_mirrors = {
    "docker.io" = ["https://age.example", "https://env.example", "https://file.example"]
  }
  registry_auth = {
    "https://age.example"  = "robot:${var.from_age}"
    "https://env.example"  = sensitive("robot:${env("E2E_LOGIN")}")
    "https://file.example" = sensitive("robot:${file("login")}")
  }
}

network {
  proxy_conntrack_min          = 0
  proxy_conntrack_max_per_core = 0
}

os {
  manage_modules = false
  manage_sysctls = false
  swap           = "ignore"
}

time {
  manage = false
}
