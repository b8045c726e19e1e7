locals {
  a = [for x in range(1000) : [for y in range(1000) : [for z in range(1000) : "${x}${y}${z}"]]]
}

cluster "c" {}

host "a" {
  address = "10.0.0.1"
  roles   = ["etcd", "master", "node"]
}
