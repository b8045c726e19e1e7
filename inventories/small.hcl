# One master with etcd on it, and two nodes: real work, without high
# availability. While the master is down, pods run on but nothing new starts.

cluster "small" {
  version = "1.37.1"
  site    = "office"
}

ssh {
  user           = "ops"
  identity_files = ["~/.ssh/id_ed25519"]
}

# A master that is not a node is tainted: ordinary pods stay off it.
host "master" {
  address = "192.0.2.11"
  roles   = ["etcd", "master"]
}

# Two hosts in one block: node-1 is 192.0.2.21, node-2 is 192.0.2.22.
host "node-[1-2]" {
  address = "192.0.2.[21-22]"
  roles   = ["node"]
}
