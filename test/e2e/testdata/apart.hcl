# etcd has a host of its own, without kubelet; the master has none.

cluster "apart" {
  version = "1.37.1"
}

ssh {
  user = "root"
}

host "store" {
  address = "192.0.2.31"
  roles   = ["etcd"]
}

host "master" {
  address = "192.0.2.11"
  roles   = ["master"]
}

host "node-1" {
  address = "192.0.2.21"
  roles   = ["node"]
}
