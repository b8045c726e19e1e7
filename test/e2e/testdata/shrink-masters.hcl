# A cluster that loses hosts, and its first master; see shrink-nodes.hcl.

cluster "shrink" {
  version = "1.37.1"
}

host "s[1-3]" {
  address = "10.88.3.[11-13]"
  roles   = ["etcd", "master"]
}
