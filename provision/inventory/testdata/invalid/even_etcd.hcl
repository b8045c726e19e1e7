cluster "c" {}

host "m[1-2]" {
  address = "10.0.0.[1-2]"
  roles   = ["etcd", "master", "node"]
}
