cluster "c" {}

network {
  pods     = "10.32.0.0/12"
  services = "10.40.0.0/16"
  keep_source = ["2001:db8::/32"]
}

host "a" {
  address = "10.33.0.1"
  roles   = ["etcd", "master", "node"]
}

host "b[1-2]" {
  address = "10.40.0.[1-2]"
  roles   = ["node"]
}
