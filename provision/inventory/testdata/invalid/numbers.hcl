locals {
  a = "1e99${"9999999"}"
  b = "${local.a + 1}"
  c = format("%d", local.a)
  d = format("%999999999s", "x")
  e = tostring(jsondecode("[1e999999999]")[0])
  g = tostring(parseint("99999999999999999999999999999999999999999999", 10))
  h = "${tonumber(local.a)}"
}

cluster "c" {}

host "a" {
  address = "10.0.0.1"
  roles   = ["etcd", "master", "node"]
}
