# A data center: three etcd members and three masters of their own, one of
# each per zone, and forty nodes in four racks.

# `-var environment=staging`, PROVISION_VAR_environment, or a -var-file.
variable "environment" {
  type        = string
  default     = "prod" # asks for the cluster's name to be typed at consent
  description = "What the cluster is for."
}

locals {
  # One plan of addresses; everything below is cut from it.
  cluster_net = "10.32.0.0/11"
  cuts        = cidrsubnets(local.cluster_net, 1, 5)
}

cluster "dc1" {
  version     = "1.37.1"
  site        = "east"
  environment = var.environment

  # What clients outside talk to: a DNS name of all three masters, or a VIP.
  api_address = "api.dc1.example.com"

  versions {
    etcd       = "3.7.3"
    containerd = "2.2.1"
  }
}

# All hosts are behind one bastion; its connection is shared.
ssh {
  user           = "ops"
  identity_files = ["~/.ssh/dc1_ed25519"]
  parallel       = 32

  # Names of environment variables: passwords never stand in an inventory.
  sudo_password_env = "DC1_SUDO_PASSWORD"

  bastion {
    address = "bastion.dc1.example.com"
    port    = 2222
  }
}

network {
  pods        = local.cuts[0] # 10.32.0.0/12: 4,096 networks of /24
  services    = local.cuts[1] # 10.48.0.0/16
  node_prefix = 24

  plugin "flannel" {
    backend = "vxlan"
  }
}

kubernetes {
  # Room for the system on every host, before pods get any.
  kubelet = {
    maxPods        = 110
    systemReserved = { cpu = "500m", memory = "1Gi" }
  }
  registry_mirrors = {
    "docker.io" = ["https://mirror.dc1.example.com"]
  }
  audit_log {
    max_age_days = 90
    max_backups  = 20
  }
}

# etcd has disks of its own.
etcd {
  data_dir = "/srv/etcd"
}

time {
  servers = ["10.0.0.1", "10.0.0.2"]
}

# One etcd member and one master in each zone, so that a zone may be lost.
host "etcd-1" {
  address = "10.0.0.11"
  roles   = ["etcd"]
  rack    = "a1"
  zone    = "a"
}

host "etcd-2" {
  address = "10.0.0.12"
  roles   = ["etcd"]
  rack    = "b1"
  zone    = "b"
}

host "etcd-3" {
  address = "10.0.0.13"
  roles   = ["etcd"]
  rack    = "c1"
  zone    = "c"
}

host "master-1" {
  address = "10.0.0.21"
  roles   = ["master"]
  rack    = "a1"
  zone    = "a"
}

host "master-2" {
  address = "10.0.0.22"
  roles   = ["master"]
  rack    = "b1"
  zone    = "b"
}

host "master-3" {
  address = "10.0.0.23"
  roles   = ["master"]
  rack    = "c1"
  zone    = "c"
}

# Names and addresses expand pairwise: node-01 is 10.0.1.11, and so on.
host "node-[01-10]" {
  address = "10.0.1.[11-20]"
  roles   = ["node"]
  rack    = "a1"
  zone    = "a"
}

host "node-[11-20]" {
  address = "10.0.1.[21-30]"
  roles   = ["node"]
  rack    = "b1"
  zone    = "b"
}

host "node-[21-30]" {
  address = "10.0.1.[31-40]"
  roles   = ["node"]
  rack    = "c1"
  zone    = "c"
}

# The last rack has fast disks, and keeps them for pods that ask for them.
host "node-[31-40]" {
  address = "10.0.1.[41-50]"
  roles   = ["node"]
  rack    = "c2"
  zone    = "c"
  labels  = { disk = "nvme" }
  taints  = ["dedicated=storage:NoSchedule"]
}
