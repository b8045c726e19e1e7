locals {
  a = "0123456789012345678901234567890123456789"
  b = join(local.a, split("", local.a))
  c = join(local.b, split("", local.b))
  d = "${local.c}${local.c}${local.c}${local.c}"
  e = replace(local.d, "0", local.d)
}

cluster "c" {}

host "a" {
  address = "10.0.0.1"
  roles   = ["etcd", "master", "node"]
}
