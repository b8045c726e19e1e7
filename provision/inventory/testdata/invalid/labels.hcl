cluster "Not_A_Name" {}

host "Upper" {
  address = "10.0.0.1"
  roles   = ["etcd", "master", "node"]
}

host "b" {
  address = "10.0.0.2"
  roles   = ["node"]
  rack    = "rack one"
  labels  = { "bad key" = "x" }
  taints  = ["dedicated=storage"]
}

host "c" {
  address = "10.0.0.3"
  roles   = ["node"]
  labels  = { "example.com/disk" = "-ssd" }
  taints  = ["gpu:NoShedule"]
}
