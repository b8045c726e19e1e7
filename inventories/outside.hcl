# A small cluster, and a machine outside of it whose programs call pods by their
# addresses: a registry told them. docs/network.md says how to choose.

cluster "outside" {
  version = "1.37.1"
}

ssh {
  user           = "ops"
  identity_files = ["~/.ssh/id_ed25519"]
}

host "master" {
  address = "192.0.2.11"
  roles   = ["etcd", "master"]
}

host "node-[1-2]" {
  address = "192.0.2.[21-22]"
  roles   = ["node"]
}

# Nothing of Kubernetes runs there, only a program that holds routes.
host "legacy-1" {
  address = "192.0.2.31"
  roles   = ["outside"]
}

# Each Node's pods through the Node: hosts and Nodes are on one network. Where a
# router is between them, via = "ADDRESS OF THE ROUTER", and the router gets what
# "provision routes show --format frr" prints.
outside_routes "legacy" {
  hosts = ["legacy-1"]
  via   = "nodes"
}
