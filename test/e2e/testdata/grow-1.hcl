# A cluster that begins with one host and grows; see grow-3.hcl.

cluster "grow" {
  version = "1.37.1"
}

host "g1" {
  address = "10.88.2.11"
  roles   = ["etcd", "master", "node"]
}
