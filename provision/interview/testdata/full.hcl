# Written by provision init. Everything else has defaults: docs/inventory.md
# names all settings. Check the file after editing: provision validate FILE

cluster "dc1" {
  environment = "prod" # consent is given by typing the cluster's name
}

# How the hosts are reached. Keys come from the file named here, and ssh-agent.
ssh {
  user           = "ops" # becomes root through sudo
  port           = 2222
  identity_files = ["~/.ssh/dc$${1}"]
  bastion {
    address = "bastion.example"
    port    = 2022
    user    = "jump"
  }
}

# Addresses inside the cluster, apart from every network that hosts are in.
# They cannot be changed once the cluster is there.
network {
  pods     = "10.128.0.0/12" # each host gets a /24 of it
  services = "10.96.0.0/16"
}

# Masters that run pods, too.
host "standby" {
  address = "10.0.0.20"
  roles   = ["master", "node"]
}

# Masters only: ordinary pods stay off them.
# 3 hosts: m1 is 10.0.0.11, and so on, one by one.
host "m[1-3]" {
  address = "10.0.0.[11-13]"
  roles   = ["etcd", "master"]
}

# Nodes: they run pods.
# 12 hosts: node-01 is 10.0.1.11, and so on, one by one.
host "node-[01-12]" {
  address = "10.0.1.[11-18,20-23]"
  roles   = ["node"]
}
