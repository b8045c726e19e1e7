locals {
  a = cidrsubnet("10.0.0.0/8", 30, 1)
  b = cidrhost("10.0.0.0/30", 4)
  c = env("NOT_SET")
  d = file("nowhere.txt")
  e = cidrsubnets("10.0.0.0/30", 1, 1, 1)
  f = nosuch(1)
  g = sensitive("hunter2") + 1
}

cluster "c" {}

host "a" {
  address = "10.0.0.1"
  roles   = ["etcd", "master", "node"]
}
