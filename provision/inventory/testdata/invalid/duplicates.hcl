cluster "c" {}

host "m[1-3]" {
  address = "10.0.0.[1-3]"
  roles   = ["etcd", "master"]
}

host "m3" {
  address = "10.0.0.4"
  roles   = ["node"]
}

host "n1" {
  address = "10.0.0.2"
  roles   = ["node"]
}
