# A small production cluster, as far as its environment says.

cluster "rehearsal" {
  version     = "1.37.1"
  environment = "prod"
}

host "m1" {
  address = "10.88.3.11"
  roles   = ["etcd", "master"]
}

host "n1" {
  address = "10.88.3.21"
  roles   = ["node"]
}
