cluster "c" {}

host "a" {
  address = "10.0.0.1"
  roles   = ["etcd", "master", "node"]
}

host "b" {
  address = "10.0.0.2"
  roles   = ["outside", "node"]
}

host "d" {
  address = "127.0.0.1"
  roles   = []
}

host "e" {
  address = "10.0.0.5"
  roles   = ["outside"]
  labels  = { x = "y" }
}
